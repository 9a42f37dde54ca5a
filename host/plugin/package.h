/* Packages: a plugin's folder as one signed file.
 *
 * NAME-VERSION.muster is a gzip'd tar archive (`tar -tzf` lists it):
 *
 *   NAME-VERSION/sha256sums       one line a file, as sha256sum(1) writes and checks it, sorted by name
 *   NAME-VERSION/signature        ECDSA P-256 over the bytes of sha256sums (`openssl dgst -sha256 -verify KEY.pem
 *                                 -signature signature sha256sums`); missing in an unsigned package
 *   NAME-VERSION/plugin/…         the folder's files, except tests' results, dot files and backups
 *
 * Packing the same files twice gives the same bytes: times are 0, owners root, names sorted. */
#ifndef MUSTER_PLUGIN_PACKAGE_H
#define MUSTER_PLUGIN_PACKAGE_H

#include "base/buf.h"
#include "base/err.h"

#define PACKAGE_BYTES_MAX ((size_t)6 * 1024 * 1024)     /* of the file: it travels in one request */
#define PACKAGE_UNPACKED_MAX ((size_t)64 * 1024 * 1024) /* of all files together */
#define PACKAGE_FILE_MAX ((size_t)16 * 1024 * 1024)     /* of one file */
#define PACKAGE_FILES_MAX 500
#define PACKAGE_RATIO_MAX 200 /* unpacked to packed: more is a bomb */

/* What a package says of itself. Zero-initialise; package_close frees. */
struct package_info {
    char name[64], version[64];
    char hash[65];   /* SHA-256 of sha256sums: the package's identity, whoever signed it */
    char signer[64]; /* name of the trusted key that signed it; "" when unsigned */
    char key_id[17]; /* first 16 hex digits of the SHA-256 of the signer's public key (DER), or "" */
    struct buf sums; /* sha256sums */
    size_t unpacked; /* bytes of all files */
    int files;
    char arch[16]; /* "x86_64" … of its .so, or "" */
};
void package_info_close(struct package_info *info);

/* Pack the folder `dir` (whose manifest must load) into the bytes `out`, unsigned. 0; ERR_ARG, ERR_POLICY, ERR_IO
 * naming the file. */
int package_pack(const char *dir, struct buf *out, struct err *err);
/* Read the manifest of the plugin `name` in `folder`, and nothing else; to be unref'd. It is code, of a package that nobody
 * has checked yet, perhaps: the watchdog runs meanwhile. */
struct registry;
int package_manifest(const char *name, const char *folder, struct registry **out, struct err *err);
/* Add or replace the signature, by the private key in the PEM file. */
int package_sign(struct slice package, const char *key_path, struct buf *out, struct err *err);
/* Read a package, check everything that can be checked without unpacking it anywhere: form, names (no "..", no absolute
 * path, no link, no device, no name twice), sizes, every file's SHA-256, no file beside the list; and its signature
 * against the keys in `keys_dir` (NULL: signatures are not looked at). Errors, all ERR_POLICY with a rule:
 * "package.form", "package.path", "package.link", "package.size", "package.hash", "package.unsigned" (only when
 * `need_signature`), "package.key" (its signature fits none of the keys that are trusted here). */
int package_check(struct slice package, const char *keys_dir, bool need_signature, struct package_info *out,
                  struct err *err);
/* Check as above and write plugin/ into the new folder `to` (its parent exists), files and folders fsync'd, modes 0644,
 * 0755 for .so and folders. On an error `to` is removed again. */
int package_unpack(struct slice package, const char *keys_dir, bool need_signature, const char *to,
                   struct package_info *out, struct err *err);
/* Is the key with this identity among those of the folder? */
bool package_key_is_trusted(const char *keys_dir, const char *key_id);
/* Compare an unpacked folder with the list it came with: 0, or ERR_CONFLICT (rule "package.changed") naming the first
 * file that is changed, missing or new. */
int package_verify_folder(const char *dir, struct slice sums, struct err *err);
/* Folders of this user in `dir` whose name is PREFIX and the number of a process that has ended, "PREFIX123-…": how many
 * there are. `remove`: and take them away. */
int folder_stale(const char *dir, const char *prefix, bool remove);
/* Remove a folder with all that is in it; links are removed, never followed. */
int folder_remove(const char *dir, struct err *err);

#endif
