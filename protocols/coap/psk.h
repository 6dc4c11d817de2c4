/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The pre-shared keys: a file with a line "device:hexkey" for each device, '#' for comments. The device is a
 * registry code (it may hold ':'; the last one separates), the key 16 to 64 bytes in hexadecimal.
 */
#include "engine/roster.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PSK_KEY_MIN 16
#define PSK_KEY_MAX 64

typedef struct PskRow {
        char device[CODE_SIZE];
        uint8_t key[PSK_KEY_MAX];
        size_t key_size;
        unsigned line; /* in the file */
        /* Of what this key has signed (sign.c): */
        uint64_t last;   /* the highest counter that was seen; 0: none */
        uint64_t window; /* bit n: last - n was seen */
} PskRow;

typedef struct Psk {
        PskRow *rows; /* by device */
        size_t n;
} Psk;

enum { PSK_E_INVALID = 1 };

/* 0; PSK_E_INVALID with the line (0: the file as a whole) and a reason; or a negative errno. */
int psk_read(Psk *ret, const char *path, unsigned *ret_line, const char **ret_reason);
void psk_deinit(Psk *);                            /* wipes the keys */
PskRow *psk_find(const Psk *, const char *device); /* NULL: unknown */
/* True: this device has this key. */
bool psk_is(const Psk *, const char *device, const uint8_t *key, size_t size);
/* A key that is in both files keeps its counter. */
void psk_carry(Psk *, const Psk *old);
