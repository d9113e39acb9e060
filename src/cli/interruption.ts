/** Ctrl-C once asks to stop at the next good moment; twice ends at once. Listens until released. */
export function interruption(): { readonly requested: () => boolean; readonly release: () => void } {
  let requested = false;
  const ask = () => {
    if (requested) process.exit(130);
    requested = true;
    process.stderr.write('\nStopping at the next good moment; press again to end at once.\n');
  };
  process.on('SIGINT', ask);
  process.on('SIGTERM', ask);
  return {
    requested: () => requested,
    release() {
      process.off('SIGINT', ask);
      process.off('SIGTERM', ask);
    },
  };
}
