/* Written by scripts/chip-code; do not edit it by hand. Bytes of flash on a Cortex-M4F (gcc -Os): of a program
 * with the core, picolibc and its printf, but no part; and what each part adds. */
#ifndef HTH_CHIP_CODE_H
#define HTH_CHIP_CODE_H

enum { HTH_CHIP_CODE_BASE = 157592 };
#define HTH_CHIP_CODE(X)                                                                           \
    X("CELLS", "rate", 3304)                                                                       \
    X("CELLS", "rate-pre", 696)                                                                    \
    X("CELLS", "lstm", 1360)                                                                       \
    X("CELLS", "gru", 920)                                                                         \
    X("CELLS", "lif", 11720)                                                                       \
    X("CELLS", "alif", 12472)                                                                      \
    X("CELLS", "cubalif", 12256)                                                                   \
    X("CELLS", "sublstm", 928)                                                                     \
    X("CELLS", "modrelu", 744)                                                                     \
    X("LOSSES", "mse", 1112)                                                                       \
    X("LOSSES", "softmax", 4280)                                                                   \
    X("LOSSES", "sigmoid", 1552)                                                                   \
    X("LOSSES", "actor-critic", 3256)                                                              \
    X("SIGNALS", "readout", 208)                                                                   \
    X("SIGNALS", "random", 2032)                                                                   \
    X("SIGNALS", "global", 416)                                                                    \
    X("SIGNALS", "resampled", 2216)                                                                \
    X("SIGNALS", "none", 160)                                                                      \
    X("SIGNALS", "direct", 2400)                                                                   \
    X("SIGNALS", "adaptive", 2760)                                                                 \
    X("SIGNALS", "module", 312)                                                                    \
    X("SIGNALS", "sign", 704)                                                                      \
    X("RECURRENCES", "full", 288)                                                                  \
    X("RECURRENCES", "diagonal", 248)                                                              \
    X("RECURRENCES", "none", 208)                                                                  \
    X("RECURRENCES", "learned", 2064)                                                              \
    X("RECURRENCES", "random", 712)                                                                \
    X("RECURRENCES", "sign", 888)                                                                  \
    X("PASTS", "none", 176)                                                                        \
    X("PASTS", "trace", 11648)                                                                     \
    X("PASTS", "instantaneous", 632)                                                               \
    X("PASTS", "pattern", 3624)                                                                    \
    X("PASTS", "influence", 3480)                                                                  \
    X("PASTS", "rank-one", 10304)                                                                  \
    X("PASTS", "kronecker", 8264)                                                                  \
    X("PASTS", "reverse-kronecker", 8664)                                                          \
    X("PASTS", "window", 2288)                                                                     \
    X("PASTS", "kernel", 7256)                                                                     \
    X("FUTURES", "zero", 192)                                                                      \
    X("FUTURES", "synthetic", 10528)                                                               \
    X("METHODS", "sgd", 232)                                                                       \
    X("METHODS", "momentum", 488)                                                                  \
    X("METHODS", "adam", 1000)                                                                     \
    X("KEEPS", "none", 160)                                                                        \
    X("KEEPS", "anchor", 800)                                                                      \
    X("KEEPS", "ewc", 2152)                                                                        \
    X("KEEPS", "si", 1496)                                                                         \
    X("KEEPS", "moments", 1504)                                                                    \
    X("KEEPS", "metaplastic", 704)                                                                 \
    X("KEEPS", "chain", 1048)                                                                      \
    X("KEEPS", "mas", 1688)                                                                        \
    X("KEEPS", "project", 800)

#endif
