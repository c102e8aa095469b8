/* Written by scripts/chip-sizes; do not edit it by hand. Types with their bytes on ARM, and on RISC-V and
 * Xtensa, where a pointer has 32 bits. Types that are as large as on a machine with 64 are not in the list. */
#ifndef HTH_CHIP_SIZES_H
#define HTH_CHIP_SIZES_H

#define HTH_CHIP_SIZES(X)                                                                          \
    X("adaptive", 8, 8)                                                                            \
    X("block_header", 16, 16)                                                                      \
    X("const hth_real *", 4, 4)                                                                    \
    X("direct", 8, 8)                                                                              \
    X("hth_adjoint_layer", 220, 220)                                                               \
    X("hth_aside", 32, 32)                                                                         \
    X("hth_block", 60, 60)                                                                         \
    X("hth_cell", 268, 268)                                                                        \
    X("hth_compute", 12, 12)                                                                       \
    X("hth_episode_worker", 516, 520)                                                              \
    X("hth_episodes", 552, 552)                                                                    \
    X("hth_factors", 80, 80)                                                                       \
    X("hth_gradient", 40, 40)                                                                      \
    X("hth_keep_space", 20, 20)                                                                    \
    X("hth_kernel", 224, 224)                                                                      \
    X("hth_layer", 440, 456)                                                                       \
    X("hth_learner", 296, 296)                                                                     \
    X("hth_least_squares", 96, 96)                                                                 \
    X("hth_loss_statistics", 20, 20)                                                               \
    X("hth_loss_tile", 64, 64)                                                                     \
    X("hth_model", 144, 152)                                                                       \
    X("hth_network", 440, 448)                                                                     \
    X("hth_optimiser", 472, 472)                                                                   \
    X("hth_real *", 4, 4)                                                                          \
    X("hth_step_map", 88, 88)                                                                      \
    X("hth_store_errors", 36, 36)                                                                  \
    X("hth_store_scratch", 16, 16)                                                                 \
    X("hth_stretch", 32, 32)                                                                       \
    X("hth_tangent_layer", 8, 8)                                                                   \
    X("hth_tape *", 4, 4)                                                                          \
    X("hth_tape", 312, 312)                                                                        \
    X("hth_tape_layer", 104, 104)                                                                  \
    X("hth_trace", 72, 72)                                                                         \
    X("hth_trace_layer", 88, 88)                                                                   \
    X("hth_window", 56, 56)                                                                        \
    X("influence", 96, 96)                                                                         \
    X("learned", 16, 16)                                                                           \
    X("learned_layer", 16, 16)                                                                     \
    X("module", 8, 8)                                                                              \
    X("pattern", 104, 104)                                                                         \
    X("rank_one", 144, 144)                                                                        \
    X("rows_layer", 20, 20)                                                                        \
    X("size_t", 4, 4)                                                                              \
    X("synthetic", 144, 144)                                                                       \
    X("window", 392, 392)

#endif
