/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Members of a JSON text by paths that are not known before the program starts (profiles, Home Assistant, SenML):
 * one prepared statement for each set of paths, on one private connection (query.c), as json.c has them for its own
 * shapes. Paths are SQLite's: $.a."b c"[0].
 *
 *      if (query_open(q, text, n))
 *              while (query_next(q))          // once, or once for each element
 *                      query_type(q, 0) …
 *      query_close(q);
 *
 * What the value functions return is valid until query_next() or query_close(). The text must live as long.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUERY_PATHS_MAX   64
#define QUERY_SCALAR_SIZE 128

typedef struct QueryBase QueryBase; /* the connection */
typedef struct Query Query;

typedef enum ValueType {
        VALUE_ABSENT,
        VALUE_NULL,
        VALUE_TRUE,
        VALUE_FALSE,
        VALUE_INTEGER,
        VALUE_REAL,
        VALUE_TEXT,
        VALUE_ARRAY,
        VALUE_OBJECT,
} ValueType;

/* Of the word that json_type() returns; NULL: absent. */
ValueType value_type(const char *word);

int query_base_new(QueryBase **ret);
QueryBase *query_base_free(QueryBase *); /* after its queries; takes NULL; NULL */

/* each: path of an array or object whose elements that are objects or arrays are read one by one, paths counting
 * from the element; NULL: the text as a whole. The paths are copied. */
int query_new(Query **ret, QueryBase *, const char *const *paths, size_t n, const char *each);
Query *query_free(Query *);
/* False: SQLite knows no such path. */
bool query_path_ok(QueryBase *, const char *path);
/* Another path in the place of number i, until the next call of this kind. Not between open and close. */
bool query_path_set(Query *, size_t i, const char *path);

/* False: not UTF-8, or no JSON. close() in any case. */
bool query_open(Query *, const char *text, size_t n);
bool query_next(Query *);
void query_close(Query *);

ValueType query_whole(const Query *); /* the type of the text (or the element) itself */
ValueType query_type(const Query *, size_t i);
/* A text in UTF-8; NULL: another type, or no UTF-8. */
const char *query_text(const Query *, size_t i, size_t *ret_size);
/* A finite number. */
bool query_number(const Query *, size_t i, double *ret);
/* Text, number, true or false as text, as it would be written in a rule. False: none of these, or too long. */
bool query_scalar(const Query *, size_t i, char ret[QUERY_SCALAR_SIZE]);
/* A number, also one that is written as a text. */
bool query_number_loose(const Query *, size_t i, double *ret);
