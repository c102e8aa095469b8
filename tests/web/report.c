/*
 * The engine of the page, on this machine: report SIGNAL CELL LEARNER UNITS AHEAD RATE SEED STEPS. Prints what the page
 * prints with ?report (web/engine.js): the digest, and the bits of both running errors after STEPS steps. Goes through
 * the steps twice. Half-way through the second time a rate is refused, and the rate is set to what it is, which must
 * change no bit.
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

/* n: the numbers as they are given, from 1 on. */
static int run(const int *n, double rate, int again) {
    int failed = web_begin(n[1], n[2], n[3], n[4], n[5], rate, (uint32_t)n[7]);
    for (int t = 0; t < n[8] && !failed; t++) {
        if (again && t == n[8] / 2) failed = !web_rate(-1) || web_rate(rate);
        failed |= web_step();
    }
    return failed;
}

int main(int count, char **words) {
    if (count != 9)
        return fprintf(stderr, "report SIGNAL CELL LEARNER UNITS AHEAD RATE SEED STEPS\n"), 2;
    int n[9];
    for (int i = 1; i < 9; i++) n[i] = atoi(words[i]);
    const double rate = strtod(words[6], NULL);
    if (run(n, rate, 0)) return printf("%s\n", web_message()), 1;
    const uint32_t digest = web_digest();
    printf("%s, %s, %s, %d units, %d ahead, rate %s, seed %d, %d steps: digest %08" PRIx32
           ", errors %016llx %016llx\n",
           web_signal(n[1]), web_cell(n[2]), web_learner(n[3]), n[4], n[5], words[6], n[7], n[8],
           digest, bits_of(web_error()), bits_of(web_persistence()));
    fprintf(stderr, "%.5f against %.5f\n", web_error(), web_persistence());
    if (run(n, rate, 1) || web_digest() != digest)
        return printf("to set the rate changed the network: %08" PRIx32 "\n", web_digest()), 1;
    return 0;
}
