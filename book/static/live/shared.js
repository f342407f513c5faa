// Built by `make live` from book/live, SHA-256 79c2bb19d8ff21d86c040f9194cc3ca0ac33a0a06bbf1416d42d8271e64ffb24
var q=`.live-face {
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
.live-face .bar { display: block; height: 0.6em; border-radius: 2px; }
.live-face summary { width: fit-content; min-height: 24px; line-height: 24px; }
`;var c=(n,e={},...r)=>{let a=Object.assign(document.createElement(n),e);return a.append(...r),a},E=(n,e)=>{for(let[r,a]of Object.entries(e))n.setAttribute(r,a);return n},G=(n,e)=>{let r=c("button",{type:"button",textContent:n});return r.addEventListener("click",e),r};function ee(n,e){return document.getElementById("live-face-style")||document.head.append(c("style",{id:"live-face-style",textContent:q})),E(c("section",{className:"live-face"}),{"aria-label":e,"data-face":n})}function te(n,e,r){let a=new Map,o=[];for(let[i,l,{options:d,texts:P,value:O,...M}]of n){let s=d?c("select",{},...d.map((h,v)=>c("option",{value:h,textContent:P?.[v]??h}))):E(c("input"),M);s.value=e[i]??O,d&&s.selectedIndex<0&&(s.value=O),s.name=i;let u=c("label",{},c("span",{textContent:l}),s);M.type==="range"&&u.append(c("output",{textContent:s.value})),s.addEventListener("input",()=>{M.type==="range"&&(u.lastChild.textContent=s.value),r(i)}),a.set(i,{input:s,node:u,read:d?()=>s.value:()=>s.value.trim()===""?NaN:Number(s.value)}),o.push(u)}let t=i=>a.get(i);return{node:c("div",{className:"controls"},...o),values:()=>Object.fromEntries([...a].map(([i,{read:l}])=>[i,l()])),set(i,l){t(i).input.value=l,t(i).input.type==="range"&&(t(i).node.lastChild.textContent=t(i).input.value)},show:(i,l)=>{t(i).node.hidden=!l},write:(i,l)=>{t(i).node.lastChild.textContent=l,t(i).input.setAttribute("aria-valuetext",l)},input:i=>t(i).input}}function ne(n="said"){let e=c("p",{className:n}),r=E(c("p",{className:"visually-hidden"}),{role:"status"});E(e,{"aria-hidden":"true"});let a;return{nodes:[e,r],say(o){e.textContent!==o&&(e.textContent=o,clearTimeout(a),a=setTimeout(()=>{r.textContent=o},700))},text:()=>e.textContent}}function ie(n){let[,e]=location.hash.split(`#${n}:`);return e===void 0?{}:Object.fromEntries(new URLSearchParams(e))}function ae(n){let e=c("code"),r=E(c("span"),{role:"status"}),a="",o=async(l,d)=>{try{await navigator.clipboard.writeText(l),r.textContent=`${d} copied`}catch{r.textContent="The browser does not let the page copy; select the text."}},t=c("a",{textContent:"link to this run"}),i=E(c("pre",{},e),{tabindex:0});return{node:c("div",{className:"share"},c("details",{},c("summary",{textContent:"The same run in Python"}),i,G("Copy the code",()=>o(e.textContent,"Code"))),c("p",{},t," ",G("Copy the link",()=>o(a,"Link"))," ",r)),update(l,d){a=`${location.href.split("#")[0]}#${n}:${new URLSearchParams(l)}`,t.href=a,e.textContent=d}}}function re(n){let e=!1;return()=>{e||(e=!0,requestAnimationFrame(()=>{e=!1,n()}))}}var oe=(n,e=3)=>`${+n.toPrecision(e)}`;var Q="http://www.w3.org/2000/svg";function f(n,e={},r=null,a=void 0){let o=document.createElementNS(Q,n);for(let[t,i]of Object.entries(e))o.setAttribute(t,i);return a!==void 0&&(o.textContent=a),r?.append(o),o}var X=(n,e)=>f("svg",{viewBox:`0 0 ${n} ${e}`,role:"img"}),H=n=>{let e=Math.abs(n);return e>=1e5||e&&e<.001?n.toExponential(0).replace("e+","e"):`${+n.toPrecision(3)}`},k=330,w=200,C=46,F=10,B=40,T=32;function U(n,e){let r=(e-n)/4,a=10**Math.floor(Math.log10(r)),o=a*[1,2,5,10].find(i=>i*a>=r*.999),t=[];for(let i=Math.ceil(n/o-1e-9);i*o<=e+1e-9*o;i++)t.push(i*o);return t}var V=(n,e)=>{let r=Math.max(1,Math.ceil((e-n)/5)),a=[];for(let o=Math.ceil(n-1e-9);o<=e+1e-9;o+=r)a.push(10**o);return a};function se({title:n,xlabel:e,logX:r=!1,logY:a=!1,at:o=null}){let t=X(k,w),i=f("g"),l=null,d=r?Math.log10:Number,P=a?Math.log10:Number;function O({series:s,x:[u,h],y:v,cursor:b=null,text:x}){let g=s.map(({values:p})=>p.filter($=>Number.isFinite($)&&(!a||$>0))).flat(),[m,y]=v??[Math.min(...g),Math.max(...g)];m<y||([m,y]=Number.isFinite(m)?[m-(Math.abs(m)||1)/2,m+(Math.abs(m)||1)/2]:[a?.1:0,1]),a&&([m,y]=v?v.map(Math.log10):[Math.floor(Math.log10(m/1.02)),Math.ceil(Math.log10(y*1.02))]);let L=p=>C+(d(p)-d(u))/(d(h)-d(u))*(k-C-F),A=p=>w-T-Math.min(1.04,Math.max(-.04,(P(p)-m)/(y-m)))*(w-B-T);t.replaceChildren(),t.setAttribute("aria-label",x),f("path",{d:`M${C},${B}V${w-T}H${k-F}`,class:"axis"},t);for(let p of r?V(d(u),d(h)):U(u,h))f("path",{d:`M${L(p)},${w-T}v4`,class:"axis"},t),f("text",{x:L(p),y:w-T+16,"text-anchor":"middle"},t,H(p));for(let p of a?V(m,y):U(m,y))f("path",{d:`M${C},${A(p)}h-4`,class:"axis"},t),f("text",{x:C-7,y:A(p)+4,"text-anchor":"end"},t,H(p));f("text",{x:k-F,y:w-2,"text-anchor":"end"},t,e),f("text",{x:4,y:13,class:"title"},t,n);let I=4;for(let{name:p,color:$,xs:D,values:W,className:J=""}of s){let R=W.map((z,N)=>[D[N],z]).filter(([z,N])=>Number.isFinite(N)&&(!a||N>0)&&z>=u).map(([z,N])=>`${L(z).toFixed(1)},${A(N).toFixed(1)}`);if(f("polyline",{points:R.join(" "),class:`curve ${J}`,style:`stroke: ${$}`},t),!p)continue;let S=R.at(-1)?.split(",");S&&f("circle",{cx:S[0],cy:S[1],r:3.2,style:`fill: ${$}`},t),f("rect",{x:I,y:22,width:12,height:4,style:`fill: ${$}`},t),I+=22+6.3*f("text",{x:I+16,y:29},t,p).textContent.length}b!==null&&f("path",{d:`M${L(b)},${B}V${w-T}`,class:"line pale"},t),t.append(i),l={series:s,x:L,h:A,first:u,last:h}}let M=s=>{let u=t.getBoundingClientRect(),h=((s.clientX-u.left)/u.width*k-C)/(k-C-F),v=Math.min(1,Math.max(0,h)),{first:b,last:x}=l;return r?10**(Math.log10(b)+v*Math.log10(x/b)):b+v*(x-b)};return t.addEventListener("pointermove",s=>{if(!l)return;let u=M(s),h=[];i.replaceChildren();for(let{name:v,color:b,xs:x,values:j}of l.series){if(!v||!x.length)continue;let g=0;x.forEach((m,y)=>{Math.abs(d(m)-d(u))<Math.abs(d(x[g])-d(u))&&(g=y)}),Number.isFinite(j[g])&&(f("circle",{cx:l.x(x[g]),cy:l.h(j[g]),r:4,style:`fill: ${b}`},i),h.length||h.push(H(x[g])),h.push(H(j[g])))}h.length&&f("text",{x:k-F,y:13,"text-anchor":"end"},i,h.join(" \xB7 "))}),t.addEventListener("pointerleave",()=>i.replaceChildren()),o&&t.addEventListener("click",s=>l&&o(M(s))),{node:t,draw:O}}export{G as button,se as chart,re as coalesced,f as element,te as form,ee as frame,c as html,ie as linked,X as picture,oe as round,ae as share,ne as speaker,H as write};
