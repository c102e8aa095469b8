/*
 * The engine of the page, on this machine: report SIGNAL CELL LEARNER UNITS AHEAD RATE SEED STEPS. Prints what the page
 * prints with ?report (web/engine.js): the digest and the bits of both running errors after STEPS steps.
 */
#include "../../web/engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All bits of a number. */
static unsigned long long bits_of(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

int main(int count, char **words) {
    if (count != 9)
        return fprintf(stderr, "report SIGNAL CELL LEARNER UNITS AHEAD RATE SEED STEPS\n"), 2;
    int n[9];
    for (int i = 1; i < 9; i++) n[i] = atoi(words[i]);
    int failed = web_begin(n[1], n[2], n[3], n[4], n[5], strtod(words[6], NULL), (uint32_t)n[7]);
    for (int t = 0; t < n[8] && !failed; t++) failed = web_step();
    if (failed) return printf("%s\n", web_message()), 1;
    printf("%s, %s, %s, %d units, %d ahead, rate %s, seed %d, %d steps: digest %08" PRIx32
           ", errors %016llx %016llx\n",
           web_signal(n[1]), web_cell(n[2]), web_learner(n[3]), n[4], n[5], words[6], n[7], n[8],
           web_digest(), bits_of(web_error()), bits_of(web_persistence()));
    fprintf(stderr, "%.5f against %.5f\n", web_error(), web_persistence());
    return 0;
}
