import { html, type Markup, trusted } from './html.ts';
import { style } from './style.ts';

/** Nothing may be loaded, from anywhere. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

export interface Page {
  readonly title: string;
  /** Above the title. */
  readonly kicker: string;
  readonly sections: readonly Markup[];
  /** Scripts, after all that is shown. */
  readonly after: Markup | null;
}

/** A whole document that needs nothing else. */
export function page({ title, kicker, sections, after }: Page): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${title}</title>
<style>${trusted(style)}</style>
</head>
<body>
<main>
<header><p class="kicker">${kicker}</p><h1>${title}</h1></header>
${sections}
</main>
${after}
</body>
</html>
`.markup;
}
