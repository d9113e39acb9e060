/** Parts of documents that scripts write. */

/** @throws where the text lacks the marks of a section. */
export function withSections(text: string, sections: Readonly<Record<string, string>>): string {
  let result = text;
  for (const [name, section] of Object.entries(sections)) {
    const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const [from, to] = [result.indexOf(begin), result.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`there is no ${begin} … ${end}`);
    result = `${result.slice(0, from)}${begin}\n\n${section}\n\n${result.slice(to)}`;
  }
  return result;
}

/** A Markdown table, its columns aligned as the formatter does. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const length = (text: string) => [...text].length;
  const widths = heads.map((head, i) => Math.max(3, length(head), ...rows.map((row) => length(row[i]!))));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell + ' '.repeat(widths[i]! - length(cell))).join(' | ')} |`;
  return [line(heads), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
