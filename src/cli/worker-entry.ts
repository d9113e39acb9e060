/** The worker root beside this file: TypeScript in a checkout, JavaScript in a package. */
export const workerEntry = { url: new URL(`../worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url) } as const;
