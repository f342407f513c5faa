// Built by `make live` from book/live, SHA-256 145757a51a13c16db44a1f2309f56165394931ecce0e1ad7fc39d1ab43768597
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
.live-face .row { display: flex; flex-wrap: wrap; gap: 0.6rem; align-items: center; margin: 0.5rem 0; }
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
.live-face .table canvas { display: block; width: min(100%, 270px); image-rendering: pixelated; }
.live-face .key { font-size: 0.8rem; min-height: 1.2em; }
.live-face .title { font-size: 13px; }
.live-face .ask { margin-top: 0.5rem; }
.live-face .bar { display: block; height: 0.6em; border-radius: 2px; }
`;var c=(t,e={},...r)=>{let i=Object.assign(document.createElement(t),e);return i.append(...r),i},E=(t,e)=>{for(let[r,i]of Object.entries(e))t.setAttribute(r,i);return t},G=(t,e)=>{let r=c("button",{type:"button",textContent:t});return r.addEventListener("click",e),r};function ee(t,e){return document.getElementById("live-face-style")||document.head.append(c("style",{id:"live-face-style",textContent:q})),E(c("section",{className:"live-face"}),{"aria-label":e,"data-face":t})}function te(t,e,r){let i=new Map,o=[];for(let[a,l,{options:d,texts:P,value:O,...M}]of t){let s=d?c("select",{},...d.map((m,v)=>c("option",{value:m,textContent:P?.[v]??m}))):E(c("input"),M);s.value=e[a]??O,d&&s.selectedIndex<0&&(s.value=O),s.name=a;let u=c("label",{},c("span",{textContent:l}),s);M.type==="range"&&u.append(c("output",{textContent:s.value})),s.addEventListener("input",()=>{M.type==="range"&&(u.lastChild.textContent=s.value),r(a)}),i.set(a,{input:s,node:u,read:d?()=>s.value:()=>s.value.trim()===""?NaN:Number(s.value)}),o.push(u)}let n=a=>i.get(a);return{node:c("div",{className:"controls"},...o),values:()=>Object.fromEntries([...i].map(([a,{read:l}])=>[a,l()])),set(a,l){n(a).input.value=l,n(a).input.type==="range"&&(n(a).node.lastChild.textContent=n(a).input.value)},show:(a,l)=>{n(a).node.hidden=!l},write:(a,l)=>{n(a).node.lastChild.textContent=l,n(a).input.setAttribute("aria-valuetext",l)},input:a=>n(a).input}}function ne(){let t=c("p",{className:"said"}),e=E(c("p",{className:"visually-hidden"}),{role:"status"});E(t,{"aria-hidden":"true"});let r;return{nodes:[t,e],say(i){t.textContent!==i&&(t.textContent=i,clearTimeout(r),r=setTimeout(()=>{e.textContent=i},700))},text:()=>t.textContent}}function ae(t){let[,e]=location.hash.split(`#${t}:`);return e===void 0?{}:Object.fromEntries(new URLSearchParams(e))}function ie(t){let e=c("code"),r=E(c("span"),{role:"status"}),i="",o=async(l,d)=>{try{await navigator.clipboard.writeText(l),r.textContent=`${d} copied`}catch{r.textContent="The browser does not let the page copy; select the text."}},n=c("a",{textContent:"link to this run"}),a=E(c("pre",{},e),{tabindex:0});return{node:c("div",{className:"share"},c("details",{},c("summary",{textContent:"The same run in Python"}),a,G("Copy the code",()=>o(e.textContent,"Code"))),c("p",{},n," ",G("Copy the link",()=>o(i,"Link"))," ",r)),update(l,d){i=`${location.href.split("#")[0]}#${t}:${new URLSearchParams(l)}`,n.href=i,e.textContent=d}}}function re(t){let e=!1;return()=>{e||(e=!0,requestAnimationFrame(()=>{e=!1,t()}))}}var oe=(t,e=3)=>`${+t.toPrecision(e)}`;var Q="http://www.w3.org/2000/svg";function f(t,e={},r=null,i=void 0){let o=document.createElementNS(Q,t);for(let[n,a]of Object.entries(e))o.setAttribute(n,a);return i!==void 0&&(o.textContent=i),r?.append(o),o}var X=(t,e)=>f("svg",{viewBox:`0 0 ${t} ${e}`,role:"img"}),H=t=>{let e=Math.abs(t);return e>=1e5||e&&e<.001?t.toExponential(0).replace("e+","e"):`${+t.toPrecision(3)}`},k=330,w=200,C=46,F=10,B=40,T=32;function U(t,e){let r=(e-t)/4,i=10**Math.floor(Math.log10(r)),o=i*[1,2,5,10].find(a=>a*i>=r*.999),n=[];for(let a=Math.ceil(t/o-1e-9);a*o<=e+1e-9*o;a++)n.push(a*o);return n}var V=(t,e)=>{let r=Math.max(1,Math.ceil((e-t)/5)),i=[];for(let o=Math.ceil(t-1e-9);o<=e+1e-9;o+=r)i.push(10**o);return i};function se({title:t,xlabel:e,logX:r=!1,logY:i=!1,at:o=null}){let n=X(k,w),a=f("g"),l=null,d=r?Math.log10:Number,P=i?Math.log10:Number;function O({series:s,x:[u,m],y:v,cursor:g=null,text:x}){let b=s.map(({values:p})=>p.filter($=>Number.isFinite($)&&(!i||$>0))).flat(),[h,y]=v??[Math.min(...b),Math.max(...b)];h<y||([h,y]=Number.isFinite(h)?[h-(Math.abs(h)||1)/2,h+(Math.abs(h)||1)/2]:[i?.1:0,1]),i&&([h,y]=v?v.map(Math.log10):[Math.floor(Math.log10(h/1.02)),Math.ceil(Math.log10(y*1.02))]);let L=p=>C+(d(p)-d(u))/(d(m)-d(u))*(k-C-F),A=p=>w-T-Math.min(1.04,Math.max(-.04,(P(p)-h)/(y-h)))*(w-B-T);n.replaceChildren(),n.setAttribute("aria-label",x),f("path",{d:`M${C},${B}V${w-T}H${k-F}`,class:"axis"},n);for(let p of r?V(d(u),d(m)):U(u,m))f("path",{d:`M${L(p)},${w-T}v4`,class:"axis"},n),f("text",{x:L(p),y:w-T+16,"text-anchor":"middle"},n,H(p));for(let p of i?V(h,y):U(h,y))f("path",{d:`M${C},${A(p)}h-4`,class:"axis"},n),f("text",{x:C-7,y:A(p)+4,"text-anchor":"end"},n,H(p));f("text",{x:k-F,y:w-2,"text-anchor":"end"},n,e),f("text",{x:4,y:13,class:"title"},n,t);let I=4;for(let{name:p,color:$,xs:D,values:W,className:J=""}of s){let R=W.map((z,N)=>[D[N],z]).filter(([z,N])=>Number.isFinite(N)&&(!i||N>0)&&z>=u).map(([z,N])=>`${L(z).toFixed(1)},${A(N).toFixed(1)}`);if(f("polyline",{points:R.join(" "),class:`curve ${J}`,style:`stroke: ${$}`},n),!p)continue;let S=R.at(-1)?.split(",");S&&f("circle",{cx:S[0],cy:S[1],r:3.2,style:`fill: ${$}`},n),f("rect",{x:I,y:22,width:12,height:4,style:`fill: ${$}`},n),I+=22+6.3*f("text",{x:I+16,y:29},n,p).textContent.length}g!==null&&f("path",{d:`M${L(g)},${B}V${w-T}`,class:"line pale"},n),n.append(a),l={series:s,x:L,h:A,first:u,last:m}}let M=s=>{let u=n.getBoundingClientRect(),m=((s.clientX-u.left)/u.width*k-C)/(k-C-F),v=Math.min(1,Math.max(0,m)),{first:g,last:x}=l;return r?10**(Math.log10(g)+v*Math.log10(x/g)):g+v*(x-g)};return n.addEventListener("pointermove",s=>{if(!l)return;let u=M(s),m=[];a.replaceChildren();for(let{name:v,color:g,xs:x,values:j}of l.series){if(!v||!x.length)continue;let b=0;x.forEach((h,y)=>{Math.abs(d(h)-d(u))<Math.abs(d(x[b])-d(u))&&(b=y)}),Number.isFinite(j[b])&&(f("circle",{cx:l.x(x[b]),cy:l.h(j[b]),r:4,style:`fill: ${g}`},a),m.length||m.push(H(x[b])),m.push(H(j[b])))}m.length&&f("text",{x:k-F,y:13,"text-anchor":"end"},a,m.join(" \xB7 "))}),n.addEventListener("pointerleave",()=>a.replaceChildren()),o&&n.addEventListener("click",s=>l&&o(M(s))),{node:n,draw:O}}export{G as button,se as chart,re as coalesced,f as element,te as form,ee as frame,c as html,ae as linked,X as picture,oe as round,ie as share,ne as speaker,H as write};
