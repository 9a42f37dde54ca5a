/* What came with the program and lies near it. */
#ifndef MUSTER_CLI_BESIDE_H
#define MUSTER_CLI_BESIDE_H

#define BESIDE_PATH_BYTES 1024

/* The folder with the NAME.so of bundled plugins: MUSTER_NATIVE of the environment; `plugins` beside the program, as
 * in a folder it was built in; or `../lib/muster` from there, as it is installed. Written to `out`; NULL when there is
 * none. */
const char *beside_native_dir(char out[BESIDE_PATH_BYTES]);

/* The folder of plugins/ and api/: MUSTER_SHARE of the environment; `../share/muster` from the program, as it is
 * installed; or the sources it was built from. Written to `out`. */
const char *beside_share_dir(char out[BESIDE_PATH_BYTES]);

#endif
