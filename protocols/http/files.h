/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The files of the app, read once into memory: a request never waits for the disk, and a path that is none of these
 * names leads nowhere.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILES_MAX      64
#define FILES_BYTES    (16u << 20) /* all of them together */
#define FILE_NAME_SIZE 64
#define FILE_TAG_SIZE  40

typedef struct File {
        char name[FILE_NAME_SIZE];
        const char *type; /* Content-Type */
        char *bytes, *gzip;
        size_t size, gzip_size;                           /* gzip_size 0: there is no compressed form */
        char tag[FILE_TAG_SIZE], gzip_tag[FILE_TAG_SIZE]; /* ETag, with its quotes */
} File;

typedef struct Files {
        File items[FILES_MAX];
        uint32_t n;
        size_t bytes;
} Files;

/*
 * Reads the regular files of a folder whose names and extensions we know; NAME.gz becomes the compressed form of
 * NAME. 0, or a negative errno (the folder cannot be read, memory). What is left out is logged.
 */
int files_read(Files *ret, const char *folder);
void files_clear(Files *);
/* NULL: there is no such file. */
const File *files_find(const Files *, const char *name);
