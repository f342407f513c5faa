// What the faces share, one file for all of them.
export * from "./page.mjs";
export * from "./charts.mjs";
