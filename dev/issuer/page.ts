// The look of every page of the development issuers: plain, without script, and with a banner nobody can miss.

/** `body` is HTML; whatever came from a request in it must have passed escapeHtml. */
export function developmentPage(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 30rem; margin: 3rem auto; padding: 0 1rem; color: #222 }
  .banner { background: #fff3c4; border: 1px solid #d9a400; padding: .6rem .9rem; border-radius: .4rem }
  input, button { display: block; box-sizing: border-box; width: 100%; font: inherit; padding: .7rem .9rem; margin: .5rem 0;
    text-align: left; background: #fff; color: inherit; border: 1px solid #bbb; border-radius: .4rem }
  button { cursor: pointer }
  button:hover, button:focus { border-color: #06c }
  small { display: block; color: #555 }
</style>
<p class="banner"><b>Development only.</b> This issuer asks for no password: you are whom you choose.</p>
<h1>${title}</h1>
${body}
</html>
`;
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}
