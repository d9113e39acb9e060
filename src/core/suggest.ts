/** The known name nearest to what was typed, or '' if none is near: edit distance at most a third of its length, case and dashes aside. */
export function suggest(typed: string, known: readonly string[]): string {
  let best = '';
  let least = Number.POSITIVE_INFINITY;
  for (const name of known) {
    const distance = editDistance(plain(typed), plain(name));
    if (distance < least) {
      best = name;
      least = distance;
    }
  }
  return least <= Math.max(2, plain(best).length / 3) ? best : '';
}

function plain(name: string): string {
  return name
    .slice(0, 100)
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '');
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
}
