// Built by `make live` from book/live, SHA-256 5df580fb041e4b959728b264d63712ba9e593de40b3f4798f94770cda7554f4e
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
.live-face label { display: inline-flex; gap: 0.4rem; align-items: center; margin: 0; max-width: 100%; }
.live-face :is([hidden]) { display: none !important; }
.live-face :is(input, select, button) {
  font: inherit; color: var(--ink); background: var(--ground); border: 1px solid var(--faint); border-radius: 4px; min-height: 28px;
}
.live-face select { max-width: min(100%, 19rem); }
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
.live-face svg .mark { stroke-width: 1.3; stroke-dasharray: 2 3; }
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
.live-face .fold { margin-top: 0.5rem; }
.live-face .delay { min-height: 1.45em; font-variant-numeric: tabular-nums; }
.live-face .paths { border-collapse: collapse; font-size: 0.8rem; font-variant-numeric: tabular-nums; }
.live-face .paths :is(th, td) { padding: 0.1rem 0.25rem; text-align: right; font-weight: normal; white-space: nowrap; }
.live-face .paths th[scope=row] { text-align: left; }
.live-face .grid caption { caption-side: top; color: inherit; padding: 0.3rem 0; text-align: left; }
.live-face .grid td { min-width: 2.4rem; text-align: center; }
.live-face .bar { display: block; height: 0.6em; border-radius: 2px; }
.live-face summary { width: fit-content; min-height: 24px; line-height: 24px; }
`;var l=(t,e={},...i)=>{let o=Object.assign(document.createElement(t),e);return o.append(...i),o},z=(t,e)=>{for(let[i,o]of Object.entries(e))t.setAttribute(i,o);return t},U=(t,e)=>{let i=l("button",{type:"button",textContent:t});return i.addEventListener("click",e),i};function ae(t,e){return document.getElementById("live-face-style")||document.head.append(l("style",{id:"live-face-style",textContent:G})),z(l("section",{className:"live-face"}),{"aria-label":e,"data-face":t})}function re(t,e,i){let o=new Map,r=[];for(let[a,s,{options:d,texts:b,value:T,...y}]of t){let c=d?l("select",{},...d.map((u,v)=>l("option",{value:u,textContent:b?.[v]??u}))):z(l("input"),y);c.value=e[a]??T,d&&c.selectedIndex<0&&(c.value=T),c.name=a;let h=l("label",{},l("span",{textContent:s}),c);y.type==="range"&&h.append(l("output",{textContent:c.value})),c.addEventListener("input",()=>{y.type==="range"&&(h.lastChild.textContent=c.value),i(a)}),o.set(a,{input:c,node:h,read:d?()=>c.value:()=>c.value.trim()===""?NaN:Number(c.value)}),r.push(h)}let n=a=>o.get(a);return{node:l("div",{className:"controls"},...r),values:()=>Object.fromEntries([...o].map(([a,{read:s}])=>[a,s()])),set(a,s){n(a).input.value=s,n(a).input.type==="range"&&(n(a).node.lastChild.textContent=n(a).input.value)},show:(a,s)=>{n(a).node.hidden=!s},write:(a,s)=>{n(a).node.lastChild.textContent=s,n(a).input.setAttribute("aria-valuetext",s)},input:a=>n(a).input}}function oe(t="said"){let e=l("p",{className:t}),i=z(l("p",{className:"visually-hidden"}),{role:"status"});z(e,{"aria-hidden":"true"});let o;return{nodes:[e,i],say(r){e.textContent!==r&&(e.textContent=r,clearTimeout(o),o=setTimeout(()=>{i.textContent=r},700))},text:()=>e.textContent}}function le(t){let[,e]=location.hash.split(`#${t}:`);return e===void 0?{}:Object.fromEntries(new URLSearchParams(e))}function se(t,e){let i=l("details",{className:"fold"},l("summary",{textContent:t})),o,r,n=()=>i.open&&r?.know(o);return i.addEventListener("toggle",async()=>{if(!i.open||r)return n();try{r=await e(),i.append(...r.nodes),n()}catch(a){i.append(l("p",{textContent:`This could not be loaded: ${a.message}`}))}}),{node:i,know(a){o=a,n()}}}function D(t,e){let i=z(l("span"),{role:"status"});return[U(t,async()=>{try{await navigator.clipboard.writeText(e()),i.textContent="copied"}catch{i.textContent="The browser does not let the page copy; select the text."}})," ",i]}function _(t){let e=l("code");return{node:l("details",{},l("summary",{textContent:t}),z(l("pre",{},e),{tabindex:0}),...D("Copy the code",()=>e.textContent)),update:i=>{e.textContent=i}}}function ce(t){let e=_("The same run in Python"),i=l("a",{textContent:"link to this run"});return{node:l("div",{className:"share"},e.node,l("p",{},i," ",...D("Copy the link",()=>i.href))),update(o,r){i.href=`${location.href.split("#")[0]}#${t}:${new URLSearchParams(o)}`,e.update(r)}}}function de(t){let e=!1;return()=>{e||(e=!0,requestAnimationFrame(()=>{e=!1,t()}))}}function pe(t,e,i,o="Play"){let r=0,n=()=>{cancelAnimationFrame(r),r=0,s.textContent=o},a=(d,b)=>T=>{let y=Math.min(e,Math.round(b+(T-d)/30));i(y),y===e?n():r=requestAnimationFrame(a(d,b))},s=U(o,()=>{if(r)return n();let d=t();s.textContent="Stop",r=requestAnimationFrame(b=>a(b,d===e?0:d)(b))});return{node:s,stop:n}}var ue=(t,e=3)=>`${+t.toPrecision(e)}`;var Y="http://www.w3.org/2000/svg";function f(t,e={},i=null,o=void 0){let r=document.createElementNS(Y,t);for(let[n,a]of Object.entries(e))r.setAttribute(n,a);return o!==void 0&&(r.textContent=o),i?.append(r),r}var ee=(t,e)=>f("svg",{viewBox:`0 0 ${t} ${e}`,role:"img"}),S=t=>{let e=Math.abs(t);return e>=1e5||e&&e<.001?t.toExponential(0).replace("e+","e"):`${+t.toPrecision(3)}`},$=330,k=200,N=46,j=10,I=40,E=32;function W(t,e){let i=(e-t)/4,o=10**Math.floor(Math.log10(i)),r=o*[1,2,5,10].find(a=>a*o>=i*.999),n=[];for(let a=Math.ceil(t/r-1e-9);a*r<=e+1e-9*r;a++)n.push(a*r);return n}var J=(t,e)=>{let i=Math.max(1,Math.ceil((e-t)/5)),o=[];for(let r=Math.ceil(t-1e-9);r<=e+1e-9;r+=i)o.push(10**r);return o};function me({title:t,xlabel:e,logX:i=!1,logY:o=!1,at:r=null}){let n=ee($,k),a=f("g"),s=null,d=i?Math.log10:Number,b=o?Math.log10:Number;function T({series:c,title:h=t,x:[u,v],y:g,cursor:x=null,marks:A=[],text:w}){let P=c.map(({values:p})=>p.filter(C=>Number.isFinite(C)&&(!o||C>0))).flat(),[m,M]=g??[Math.min(...P),Math.max(...P)];m<M||([m,M]=Number.isFinite(m)?[m-(Math.abs(m)||1)/2,m+(Math.abs(m)||1)/2]:[o?.1:0,1]),o&&([m,M]=g?g.map(Math.log10):[Math.floor(Math.log10(m/1.02)),Math.ceil(Math.log10(M*1.02))]);let F=p=>N+(d(p)-d(u))/(d(v)-d(u))*($-N-j),H=p=>k-E-Math.min(1.04,Math.max(-.04,(b(p)-m)/(M-m)))*(k-I-E);n.replaceChildren(),n.setAttribute("aria-label",w),f("path",{d:`M${N},${I}V${k-E}H${$-j}`,class:"axis"},n);for(let p of i?J(d(u),d(v)):W(u,v))f("path",{d:`M${F(p)},${k-E}v4`,class:"axis"},n),f("text",{x:F(p),y:k-E+16,"text-anchor":"middle"},n,S(p));for(let p of o?J(m,M):W(m,M))f("path",{d:`M${N},${H(p)}h-4`,class:"axis"},n),f("text",{x:N-7,y:H(p)+4,"text-anchor":"end"},n,S(p));f("text",{x:$-j,y:k-2,"text-anchor":"end"},n,e),f("text",{x:4,y:13,class:"title"},n,h);let q=4;for(let{name:p,color:C,xs:K,values:Q,className:X=""}of c){let V=Q.map((O,L)=>[K[L],O]).filter(([O,L])=>Number.isFinite(L)&&(!o||L>0)&&O>=u).map(([O,L])=>`${F(O).toFixed(1)},${H(L).toFixed(1)}`);if(f("polyline",{points:V.join(" "),class:`curve ${X}`,style:`stroke: ${C}`},n),!p)continue;let B=V.at(-1)?.split(",");B&&f("circle",{cx:B[0],cy:B[1],r:3.2,style:`fill: ${C}`},n),f("rect",{x:q,y:22,width:12,height:4,style:`fill: ${C}`},n),q+=22+6.3*f("text",{x:q+16,y:29},n,p).textContent.length}for(let{x:p,color:C}of A)p>=u&&p<=v&&f("path",{d:`M${F(p)},${I}V${k-E}`,class:"line mark",style:`stroke: ${C}`},n);x!==null&&f("path",{d:`M${F(x)},${I}V${k-E}`,class:"line pale"},n),n.append(a),s={series:c,x:F,h:H,first:u,last:v}}let y=c=>{let h=n.getBoundingClientRect(),u=((c.clientX-h.left)/h.width*$-N)/($-N-j),v=Math.min(1,Math.max(0,u)),{first:g,last:x}=s;return i?10**(Math.log10(g)+v*Math.log10(x/g)):g+v*(x-g)};return n.addEventListener("pointermove",c=>{if(!s)return;let h=y(c),u=[];a.replaceChildren();for(let{name:v,color:g,xs:x,values:A}of s.series){if(!v||!x.length)continue;let w=0;x.forEach((R,P)=>{Math.abs(d(R)-d(h))<Math.abs(d(x[w])-d(h))&&(w=P)}),Number.isFinite(A[w])&&(f("circle",{cx:s.x(x[w]),cy:s.h(A[w]),r:4,style:`fill: ${g}`},a),u.length||u.push(S(x[w])),u.push(S(A[w])))}u.length&&f("text",{x:$-j,y:13,"text-anchor":"end"},a,u.join(" \xB7 "))}),n.addEventListener("pointerleave",()=>a.replaceChildren()),r&&n.addEventListener("click",c=>s&&r(y(c))),{node:n,draw:T}}export{U as button,me as chart,de as coalesced,_ as code,f as element,se as fold,re as form,ae as frame,l as html,le as linked,ee as picture,pe as player,ue as round,ce as share,oe as speaker,S as write};
