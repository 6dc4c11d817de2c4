/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the table of settings for tidy.py. */
#include "config/config.h"

#include <stdio.h>

int main(void)
{
        config_print_table(stdout);
        return fflush(stdout) != 0;
}
