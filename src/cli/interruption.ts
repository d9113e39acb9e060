/** Ctrl-C once asks to stop at the next good moment; twice ends at once. */
export function interruption(): { readonly requested: () => boolean } {
  let requested = false;
  const ask = () => {
    if (requested) process.exit(130);
    requested = true;
    process.stderr.write('\nStopping at the next good moment; press again to end at once.\n');
  };
  process.on('SIGINT', ask);
  process.on('SIGTERM', ask);
  return { requested: () => requested };
}
