/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bug in a decoder, for an unmodified program: LD_PRELOAD=libcrash-on.so. The program's first thread aborts when it
 * hands a text that contains CRASH_ON's value to SQLite, by whose functions JSON is decoded that is not plain. The store's
 * thread may: the text has to be recorded somewhere. And one in the engine: the first thread aborts when it compares a
 * text with CRASH_STEP's value.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct sqlite3_stmt sqlite3_stmt;

__attribute__((visibility("default"))) int sqlite3_bind_text(
        sqlite3_stmt *s, int at, const char *text, int n, void (*destroy)(void *));

int sqlite3_bind_text(sqlite3_stmt *s, int at, const char *text, int n, void (*destroy)(void *))
{
        static int (*real)(sqlite3_stmt *, int, const char *, int, void (*)(void *));
        const char *mark = getenv("CRASH_ON");

        if (!real)
                *(void **)&real = dlsym(RTLD_NEXT, "sqlite3_bind_text");
        if (!real)
                abort();
        if (mark && text && gettid() == getpid() &&
                memmem(text, n < 0 ? strlen(text) : (size_t)n, mark, strlen(mark)))
                abort();
        return real(s, at, text, n, destroy);
}

static bool same(const char *a, const char *b)
{
        while (*a && *a == *b)
                a++, b++;
        return *a == *b;
}

__attribute__((visibility("default"))) int strcmp(const char *a, const char *b)
{
        static const char *mark;
        static bool asked;

        if (!asked) {
                asked = true;
                mark = getenv("CRASH_STEP");
        }
        if (mark && gettid() == getpid() && (same(a, mark) || same(b, mark)))
                abort();
        while (*a && *a == *b)
                a++, b++;
        return (unsigned char)*a - (unsigned char)*b;
}
