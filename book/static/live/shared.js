// Built by `make live` from book/live, SHA-256 bf60260278443a2d4a349559d6685fbf0d346c06000d778e60f5f4b255234d21
var G=`.live-face {
  --train: #0072b2; --test: #d55e00; --measurement: #007a59; --layer1: #b0528a; --layer2: #9a6700; --other: #1d7fb8;
  --ink: var(--pst-color-text-base, #222); --ground: var(--pst-color-background, #fff); --faint: #8a8f98;
  margin: 0.8rem 0; padding: 0.7rem 0.9rem; border: 1px solid var(--faint); border-radius: 6px;
  color: var(--ink); background: var(--ground); font-size: 0.9rem; line-height: 1.45;
}
html[data-theme="dark"] .live-face {
  --train: #56b4e9; --test: #f08c42; --measurement: #2fc79c; --layer1: #e3a1c5; --layer2: #f0b73d; --other: #9fd3f2;
}
.live-face p { margin: 0.3rem 0; }
.live-face .visually-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.live-face .controls { display: flex; flex-wrap: wrap; gap: 0.4rem 1.1rem; align-items: center; }
.live-face label { display: inline-flex; gap: 0.4rem; align-items: center; margin: 0; }
.live-face :is([hidden]) { display: none !important; }
.live-face :is(input, select, button) {
  font: inherit; color: var(--ink); background: var(--ground); border: 1px solid var(--faint); border-radius: 4px; min-height: 28px;
}
.live-face input[type="number"] { width: 5.6rem; padding: 0 0.3rem; }
.live-face input[type="range"] { width: 9rem; accent-color: var(--train); border: 0; }
.live-face output { min-width: 3.2rem; font-variant-numeric: tabular-nums; }
.live-face button { padding: 0.1rem 0.8rem; }
.live-face button:disabled { opacity: 0.55; }
.live-face :is(input, select, button, summary, a, pre, [tabindex]):focus-visible { outline: 3px solid #0b57d0; outline-offset: 2px; }
html[data-theme="dark"] .live-face :is(input, select, button, summary, a, pre, [tabindex]):focus-visible { outline-color: #9ecbff; }
.live-face .strip { display: flex; flex-wrap: wrap; gap: 0.6rem; align-items: center; margin: 0.5rem 0; }
.live-face progress { width: 10rem; accent-color: var(--train); }
.live-face .said { min-height: 2.9em; font-variant-numeric: tabular-nums; }
.live-face .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(270px, 100%), 1fr)); gap: 0.5rem; align-items: start; }
.live-face svg { display: block; width: 100%; height: auto; color: var(--ink); overflow: visible; }
.live-face svg text { font: 12px Arial, "Liberation Sans", Helvetica, sans-serif; fill: currentColor; }
.live-face svg .title { font-size: 13px; }
.live-face svg .small { font-size: 9px; }
.live-face svg :is(.axis, .line, .curve) { fill: none; stroke: currentColor; }
.live-face svg .curve { stroke-width: 1.9; }
.live-face svg .thin { stroke-width: 1; }
.live-face svg .pale { stroke: var(--faint); stroke-width: 1; }
.live-face svg .earlier { opacity: 0.45; stroke-dasharray: 4 3; }
.live-face svg .handle { cursor: grab; touch-action: none; }
.live-face .share { margin-top: 0.4rem; font-size: 0.85rem; }
.live-face .share button { min-height: 24px; }
.live-face pre { margin: 0.3rem 0; padding: 0.5rem; overflow-x: auto; color: inherit; background: none; border: 1px solid var(--faint); font-size: 0.78rem; }
.live-face pre code { color: inherit; background: none; padding: 0; border: 0; }
.live-face .unit { display: grid; grid-template-columns: auto 1fr auto; gap: 0 0.6rem; align-items: center; }
.live-face .swatch { display: inline-block; width: 0.9em; height: 0.55em; margin: 0 0.3em 0 0.5em; border-radius: 2px; }
.live-face .sums canvas { display: block; width: min(100%, 270px); image-rendering: pixelated; }
.live-face .key { font-size: 0.8rem; min-height: 1.2em; }
.live-face .title { font-size: 13px; }
.live-face .ask { margin-top: 0.5rem; }
.live-face .paths { border-collapse: collapse; font-size: 0.8rem; font-variant-numeric: tabular-nums; }
.live-face .paths :is(th, td) { padding: 0.1rem 0.25rem; text-align: right; font-weight: normal; white-space: nowrap; }
.live-face .paths th[scope=row] { text-align: left; }
.live-face .bar { display: block; height: 0.6em; border-radius: 2px; }
.live-face summary { width: fit-content; min-height: 24px; line-height: 24px; }
`;var d=(i,e={},...o)=>{let a=Object.assign(document.createElement(i),e);return a.append(...o),a},F=(i,e)=>{for(let[o,a]of Object.entries(e))i.setAttribute(o,a);return i},q=(i,e)=>{let o=d("button",{type:"button",textContent:i});return o.addEventListener("click",e),o};function ee(i,e){return document.getElementById("live-face-style")||document.head.append(d("style",{id:"live-face-style",textContent:G})),F(d("section",{className:"live-face"}),{"aria-label":e,"data-face":i})}function te(i,e,o){let a=new Map,r=[];for(let[n,l,{options:s,texts:b,value:N,...y}]of i){let c=s?d("select",{},...s.map((h,v)=>d("option",{value:h,textContent:b?.[v]??h}))):F(d("input"),y);c.value=e[n]??N,s&&c.selectedIndex<0&&(c.value=N),c.name=n;let p=d("label",{},d("span",{textContent:l}),c);y.type==="range"&&p.append(d("output",{textContent:c.value})),c.addEventListener("input",()=>{y.type==="range"&&(p.lastChild.textContent=c.value),o(n)}),a.set(n,{input:c,node:p,read:s?()=>c.value:()=>c.value.trim()===""?NaN:Number(c.value)}),r.push(p)}let t=n=>a.get(n);return{node:d("div",{className:"controls"},...r),values:()=>Object.fromEntries([...a].map(([n,{read:l}])=>[n,l()])),set(n,l){t(n).input.value=l,t(n).input.type==="range"&&(t(n).node.lastChild.textContent=t(n).input.value)},show:(n,l)=>{t(n).node.hidden=!l},write:(n,l)=>{t(n).node.lastChild.textContent=l,t(n).input.setAttribute("aria-valuetext",l)},input:n=>t(n).input}}function ne(i="said"){let e=d("p",{className:i}),o=F(d("p",{className:"visually-hidden"}),{role:"status"});F(e,{"aria-hidden":"true"});let a;return{nodes:[e,o],say(r){e.textContent!==r&&(e.textContent=r,clearTimeout(a),a=setTimeout(()=>{o.textContent=r},700))},text:()=>e.textContent}}function ie(i){let[,e]=location.hash.split(`#${i}:`);return e===void 0?{}:Object.fromEntries(new URLSearchParams(e))}function ae(i){let e=d("code"),o=F(d("span"),{role:"status"}),a="",r=async(l,s)=>{try{await navigator.clipboard.writeText(l),o.textContent=`${s} copied`}catch{o.textContent="The browser does not let the page copy; select the text."}},t=d("a",{textContent:"link to this run"}),n=F(d("pre",{},e),{tabindex:0});return{node:d("div",{className:"share"},d("details",{},d("summary",{textContent:"The same run in Python"}),n,q("Copy the code",()=>r(e.textContent,"Code"))),d("p",{},t," ",q("Copy the link",()=>r(a,"Link"))," ",o)),update(l,s){a=`${location.href.split("#")[0]}#${i}:${new URLSearchParams(l)}`,t.href=a,e.textContent=s}}}function re(i){let e=!1;return()=>{e||(e=!0,requestAnimationFrame(()=>{e=!1,i()}))}}function oe(i,e,o,a="Play"){let r=0,t=()=>{cancelAnimationFrame(r),r=0,l.textContent=a},n=(s,b)=>N=>{let y=Math.min(e,Math.round(b+(N-s)/30));o(y),y===e?t():r=requestAnimationFrame(n(s,b))},l=q(a,()=>{if(r)return t();let s=i();l.textContent="Stop",r=requestAnimationFrame(b=>n(b,s===e?0:s)(b))});return{node:l,stop:t}}var le=(i,e=3)=>`${+i.toPrecision(e)}`;var Q="http://www.w3.org/2000/svg";function f(i,e={},o=null,a=void 0){let r=document.createElementNS(Q,i);for(let[t,n]of Object.entries(e))r.setAttribute(t,n);return a!==void 0&&(r.textContent=a),o?.append(r),r}var X=(i,e)=>f("svg",{viewBox:`0 0 ${i} ${e}`,role:"img"}),H=i=>{let e=Math.abs(i);return e>=1e5||e&&e<.001?i.toExponential(0).replace("e+","e"):`${+i.toPrecision(3)}`},M=330,C=200,$=46,O=10,B=40,L=32;function U(i,e){let o=(e-i)/4,a=10**Math.floor(Math.log10(o)),r=a*[1,2,5,10].find(n=>n*a>=o*.999),t=[];for(let n=Math.ceil(i/r-1e-9);n*r<=e+1e-9*r;n++)t.push(n*r);return t}var V=(i,e)=>{let o=Math.max(1,Math.ceil((e-i)/5)),a=[];for(let r=Math.ceil(i-1e-9);r<=e+1e-9;r+=o)a.push(10**r);return a};function ce({title:i,xlabel:e,logX:o=!1,logY:a=!1,at:r=null}){let t=X(M,C),n=f("g"),l=null,s=o?Math.log10:Number,b=a?Math.log10:Number;function N({series:c,x:[p,h],y:v,cursor:w=null,text:x}){let g=c.map(({values:u})=>u.filter(E=>Number.isFinite(E)&&(!a||E>0))).flat(),[m,k]=v??[Math.min(...g),Math.max(...g)];m<k||([m,k]=Number.isFinite(m)?[m-(Math.abs(m)||1)/2,m+(Math.abs(m)||1)/2]:[a?.1:0,1]),a&&([m,k]=v?v.map(Math.log10):[Math.floor(Math.log10(m/1.02)),Math.ceil(Math.log10(k*1.02))]);let z=u=>$+(s(u)-s(p))/(s(h)-s(p))*(M-$-O),P=u=>C-L-Math.min(1.04,Math.max(-.04,(b(u)-m)/(k-m)))*(C-B-L);t.replaceChildren(),t.setAttribute("aria-label",x),f("path",{d:`M${$},${B}V${C-L}H${M-O}`,class:"axis"},t);for(let u of o?V(s(p),s(h)):U(p,h))f("path",{d:`M${z(u)},${C-L}v4`,class:"axis"},t),f("text",{x:z(u),y:C-L+16,"text-anchor":"middle"},t,H(u));for(let u of a?V(m,k):U(m,k))f("path",{d:`M${$},${P(u)}h-4`,class:"axis"},t),f("text",{x:$-7,y:P(u)+4,"text-anchor":"end"},t,H(u));f("text",{x:M-O,y:C-2,"text-anchor":"end"},t,e),f("text",{x:4,y:13,class:"title"},t,i);let S=4;for(let{name:u,color:E,xs:D,values:W,className:J=""}of c){let R=W.map((A,T)=>[D[T],A]).filter(([A,T])=>Number.isFinite(T)&&(!a||T>0)&&A>=p).map(([A,T])=>`${z(A).toFixed(1)},${P(T).toFixed(1)}`);if(f("polyline",{points:R.join(" "),class:`curve ${J}`,style:`stroke: ${E}`},t),!u)continue;let I=R.at(-1)?.split(",");I&&f("circle",{cx:I[0],cy:I[1],r:3.2,style:`fill: ${E}`},t),f("rect",{x:S,y:22,width:12,height:4,style:`fill: ${E}`},t),S+=22+6.3*f("text",{x:S+16,y:29},t,u).textContent.length}w!==null&&f("path",{d:`M${z(w)},${B}V${C-L}`,class:"line pale"},t),t.append(n),l={series:c,x:z,h:P,first:p,last:h}}let y=c=>{let p=t.getBoundingClientRect(),h=((c.clientX-p.left)/p.width*M-$)/(M-$-O),v=Math.min(1,Math.max(0,h)),{first:w,last:x}=l;return o?10**(Math.log10(w)+v*Math.log10(x/w)):w+v*(x-w)};return t.addEventListener("pointermove",c=>{if(!l)return;let p=y(c),h=[];n.replaceChildren();for(let{name:v,color:w,xs:x,values:j}of l.series){if(!v||!x.length)continue;let g=0;x.forEach((m,k)=>{Math.abs(s(m)-s(p))<Math.abs(s(x[g])-s(p))&&(g=k)}),Number.isFinite(j[g])&&(f("circle",{cx:l.x(x[g]),cy:l.h(j[g]),r:4,style:`fill: ${w}`},n),h.length||h.push(H(x[g])),h.push(H(j[g])))}h.length&&f("text",{x:M-O,y:13,"text-anchor":"end"},n,h.join(" \xB7 "))}),t.addEventListener("pointerleave",()=>n.replaceChildren()),r&&t.addEventListener("click",c=>l&&r(y(c))),{node:t,draw:N}}export{q as button,ce as chart,re as coalesced,f as element,te as form,ee as frame,d as html,ie as linked,X as picture,oe as player,le as round,ae as share,ne as speaker,H as write};
