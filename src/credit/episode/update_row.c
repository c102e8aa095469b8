/* A step of one task's units: see update_row.h. */
#include "credit/episode/update_row.h"

#include "base/fma.h"
#include "kernels/elementwise.h"

_Static_assert(HTH_MAX_STATES == 3, "a loop for each number of states");

/* `states` is a constant of each instance. */
static inline void down(const hth_update_row *of, const size_t states, const hth_real *L,
                        hth_real *c) {
    const hth_update_row r = *of;
    HTH_SIMD
    for (size_t j = 0; j < r.n; j++) {
        hth_real lambda[HTH_MAX_STATES], sum = 0;
        for (size_t i = 0; i < states; i++) {
            lambda[i] = hth_fma(r.Z[i][j], L[j], 0);
            for (size_t k = 0; k < states; k++)
                lambda[i] = hth_fma(r.D[k][i][j], r.carry[k][j], lambda[i]);
        }
        for (size_t i = 0; i < states; i++) {
            r.carry[i][j] = lambda[i];
            sum = hth_fma(r.B[i][j], lambda[i], sum);
        }
        c[j] = sum;
    }
}

void hth_update_row_down(const hth_update_row *row, const hth_real *L, hth_real *c) {
    if (row->states == 1)
        down(row, 1, L, c);
    else if (row->states == 2)
        down(row, 2, L, c);
    else
        down(row, 3, L, c);
}

static inline void up(const hth_update_row *of, const size_t states, const bool bends,
                      const hth_real *S, const hth_real *L, hth_real *Lbar, hth_real *sbar) {
    const hth_update_row r = *of;
    const hth_real *Z = r.Z[r.state], *read = r.carry[r.state];
    HTH_SIMD
    for (size_t j = 0; j < r.n; j++) {
        hth_real l[HTH_MAX_STATES];
        for (size_t i = 0; i < states; i++) {
            l[i] = hth_fma(r.B[i][j], S[j], 0);
            for (size_t k = 0; k < states; k++) l[i] = hth_fma(r.D[i][k][j], r.carry[k][j], l[i]);
        }
        for (size_t i = 0; i < states; i++) r.carry[i][j] = l[i];
        Lbar[j] = Z[j] * read[j];
        if (bends) sbar[j] = hth_fma(L[j], read[j], sbar[j]);
    }
}

void hth_update_row_up(const hth_update_row *row, const hth_real *S, const hth_real *L,
                       hth_real *Lbar, hth_real *sbar) {
    if (row->states == 1 && sbar)
        up(row, 1, true, S, L, Lbar, sbar);
    else if (row->states == 1)
        up(row, 1, false, S, L, Lbar, sbar);
    else if (row->states == 2)
        up(row, 2, sbar != NULL, S, L, Lbar, sbar);
    else
        up(row, 3, sbar != NULL, S, L, Lbar, sbar);
}
