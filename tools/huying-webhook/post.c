/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request by libcurl: bounded in time and size, over TLS with the server's certificate and name checked (libcurl's
 * default, which nothing here turns off), to no other place than the one configured (no redirection), by no other
 * protocol than HTTP.
 */
#include "webhook.h"

#include <curl/curl.h>
#include <string.h>

static size_t on_answer(char *bytes, size_t size, size_t n, void *userdata)
{
        Post *p = userdata;
        size_t room = sizeof(p->answer) - 1 - p->n_answer, all = size * n, take = all < room ? all : room;

        memcpy(p->answer + p->n_answer, bytes, take);
        p->n_answer += take;
        return take; /* less than all: libcurl ends the transfer, which is what an endless answer deserves */
}

static PostResult judge(CURL *curl, CURLcode code, Post *p)
{
        curl_off_t again = 0;
        long status = 0;

        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        (void)curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &again);
        p->again_s = again > 0 && again < 3600 ? (unsigned)again : 0;
        if (code != CURLE_OK) {
                (void)snprintf(p->why, sizeof(p->why), "%.100s", curl_easy_strerror(code)); /* fits */
                return code == CURLE_COULDNT_CONNECT || code == CURLE_GOT_NOTHING ||
                                       code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR
                               ? POST_LATER
                               : POST_REFUSED;
        }
        if (status >= 200 && status < 300)
                return POST_OK;
        (void)snprintf(p->why, sizeof(p->why), "the server says %ld", status); /* fits */
        return status == 429 || status >= 500 ? POST_LATER : POST_REFUSED;
}

PostResult post(const Message *m, const char *ca_file, unsigned within_s, Post *ret)
{
        struct curl_slist *headers = NULL;
        PostResult result = POST_REFUSED;
        CURL *curl = curl_easy_init();

        ret->n_answer = 0;
        ret->again_s = 0;
        (void)str_copy(ret->why, sizeof(ret->why), "no memory"); /* fits */
        for (size_t i = 0; i < m->n_headers; i++) {
                struct curl_slist *more = curl_slist_append(headers, m->headers[i]);

                if (!more)
                        goto out;
                headers = more;
        }
        if (!curl || curl_easy_setopt(curl, CURLOPT_URL, m->url) != CURLE_OK ||
                curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) != CURLE_OK ||
                curl_easy_setopt(curl, CURLOPT_POSTFIELDS, m->body) != CURLE_OK ||
                curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK ||
                curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK ||
                curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) != CURLE_OK ||
                curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L) != CURLE_OK ||
                curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)within_s) != CURLE_OK ||
                curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer) != CURLE_OK ||
                curl_easy_setopt(curl, CURLOPT_WRITEDATA, ret) != CURLE_OK ||
                curl_easy_setopt(curl, CURLOPT_USERAGENT, "huying-webhook") != CURLE_OK ||
                (ca_file && curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file) != CURLE_OK))
                goto out;
        result = judge(curl, curl_easy_perform(curl), ret);
        ret->answer[ret->n_answer] = '\0';
out:
        curl_slist_free_all(headers);
        curl_easy_cleanup(curl);
        return result;
}
