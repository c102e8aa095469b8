/* hitherto dynamics: how far errors reach in a trained network, exponents, fixed points; tables, a picture, arrays. */
#include "cli/cli.h"
#include "cli/figure.h"
#include "files/npz.h"
#include "watch/dynamics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct dynamics_request {
    cli_onlooker onlooker;
    hth_dynamics_plan plan;
    const char *picture, *npz, *held;
    hth_dynamics result;
} dynamics_request;

/* ---- Options ------------------------------------------------------------------------------------ */

static int read_held(const cli_arguments *arguments, dynamics_request *q) {
    static const char *const names[] = {"zero", "mean", "met"};
    const char *held = cli_value(arguments, "--hold");
    size_t i = 0;
    q->held = held ? held : names[HTH_HELD_ZERO];
    while (i < HTH_COUNT(names) && strcmp(names[i], q->held) != 0) i++;
    if (i == HTH_COUNT(names))
        return cli_complain(CLI_BAD_INPUT, "option --hold is '%s', but must be zero, mean or met",
                            q->held);
    q->plan.held = (hth_held)i;
    return CLI_OK;
}

static int read_options(const cli_arguments *arguments, dynamics_request *q) {
    hth_dynamics_plan *p = &q->plan;
    const struct {
        const char *flag;
        uint64_t least, fallback, *out;
    } numbers[] = {{"--steps", 1, 500, &p->steps},
                   {"--skip", 0, 10, &p->skip},
                   {"--lags", 1, 50, &p->lags},
                   {"--starts", 0, 20, &p->points}};
    const char *split = cli_value(arguments, "--split");
    p->split = split ? split : "validation";
    q->picture = cli_value(arguments, "--out");
    q->npz = cli_value(arguments, "--npz");
    int code = read_held(arguments, q);
    for (size_t i = 0; code == CLI_OK && i < HTH_COUNT(numbers); i++)
        code = cli_whole(arguments, numbers[i].flag, numbers[i].least, numbers[i].fallback,
                         numbers[i].out);
    if (code == CLI_OK && q->npz && !cli_ends_in(q->npz, ".npz"))
        code = cli_complain(CLI_BAD_INPUT, "option --npz is '%s', but must end in .npz", q->npz);
    return code == CLI_OK && q->picture ? cli_check_picture(q->picture) : code;
}

/* ---- Tables ------------------------------------------------------------------------------------- */

/* Why a K may be too small. */
static void print_cut(const hth_dynamics *r) {
    if (r->reach == r->lags)
        printf(" or more: at the last lag it has not faded (--lags)");
    else if (r->unfinished)
        printf(" or more: only %llu steps of a sequence were seen (--steps)",
               (unsigned long long)r->unfinished);
    else
        printf(", where no sequence has an error after its step %zu: a longer reach was not seen",
               r->reach);
}

static void print_horizon(const hth_dynamics *r, double share) {
    const size_t measured = hth_credit_horizon(r, share);
    const double by_exponent = hth_exponent_horizon(r, share);
    printf("  %2.0f %% of it needs tapes of K = %zu", 100 * share, measured);
    if (hth_credit_is_cut(r, share)) print_cut(r);
    if (isfinite(by_exponent))
        printf("; by the largest exponent %.1f", by_exponent);
    else if (!isnan(by_exponent))
        printf("; by the largest exponent no K is enough");
    putchar('\n');
}

static void print_credit(const hth_dynamics *r) {
    printf("Credit: norm of dE_t/dX_{t-k}, mean over %llu steps with an error\n",
           (unsigned long long)r->errors);
    printf("  %-6s", "k");
    for (size_t k = 0; k <= r->reach; k = k ? 2 * k : 1) printf(" %9zu", k);
    printf("\n  %-6s", "norm");
    for (size_t k = 0; k <= r->reach; k = k ? 2 * k : 1) printf(" %9.3g", r->credit[k]);
    printf("\n");
    print_horizon(r, 0.9);
    print_horizon(r, 0.99);
}

static void print_exponents(const hth_dynamics *r) {
    enum { SHOWN = 5 };
    double sum = 0;
    for (size_t i = 0; i < r->states; i++) sum += r->exponents[i];
    printf("\nLyapunov exponents, in nats a step, over %llu steps\n ",
           (unsigned long long)r->exponent_steps);
    for (size_t i = 0; i < r->states && i < SHOWN; i++) printf(" %.4g", r->exponents[i]);
    printf("%s\n  sum %.6g; mean log |det J| %.6g\n", r->states > SHOWN ? " ..." : "", sum,
           r->log_determinant);
}

/* Of the eigenvalues not larger than 1, the time constant of the largest, in steps. */
static double slowest(const hth_rest_point *p, size_t count) {
    for (size_t i = p->unstable; i < count; i++) {
        const double size = hypot(p->re[i], p->im[i]);
        if (size <= 1) return size > 0 ? -1 / log(size) : 0;
    }
    return (double)NAN;
}

static void print_points(const dynamics_request *q) {
    enum { MOST = 12 };
    const hth_dynamics *r = &q->result;
    if (q->plan.points == 0) return;
    printf("\nRest points, the input held: %s; from %zu states, %zu points\n", q->held, r->begun,
           r->count);
    if (r->count == 0) return;
    printf("  %-6s %5s %10s %10s %20s %9s %9s\n", "", "from", "speed", "|X|", "largest eigenvalue",
           "unstable", "slowest");
    for (size_t i = 0; i < r->count && i < MOST; i++) {
        const hth_rest_point *p = &r->points[i];
        double square = 0;
        char value[40];
        for (size_t k = 0; k < r->states; k++) square += p->x[k] * p->x[k];
        snprintf(value, sizeof value, p->im[0] != 0 ? "%.4f +- %.4fi" : "%.4f", p->re[0], p->im[0]);
        printf("  %-6s %5zu %10.2e %10.4g %20s %9zu %9.4g\n", p->is_fixed ? "fixed" : "slow",
               p->met, sqrt(2 * p->q), sqrt(square), value, p->unstable, slowest(p, r->states));
    }
    if (r->count > MOST) printf("  and %zu more (--npz)\n", r->count - MOST);
}

/* ---- Arrays ------------------------------------------------------------------------------------- */

static int write_npz(const dynamics_request *q) {
    const hth_dynamics *r = &q->result;
    const size_t N = r->states, P = r->count;
    hth_error error;
    double *numbers = calloc(P * (2 * N + 1) + 2 * P * N + 1, sizeof *numbers);
    uint64_t *met = calloc(P + 1, sizeof *met);
    if (!numbers || !met) {
        free(numbers), free(met);
        return cli_complain(CLI_FAILED, "not enough memory for the arrays");
    }
    double *speeds = numbers + P * N, *values = speeds + P;
    for (size_t i = 0; i < P; i++) {
        const hth_rest_point *p = &r->points[i];
        memcpy(numbers + i * N, p->x, N * sizeof *numbers);
        speeds[i] = sqrt(2 * p->q);
        met[i] = p->met;
        for (size_t k = 0; k < N; k++) {
            values[(i * N + k) * 2] = p->re[k];
            values[(i * N + k) * 2 + 1] = p->im[k];
        }
    }
    hth_npz_array arrays[6] = {{"credit", HTH_DTYPE_F64, 1, {r->lags + 1, 0, 0}, r->credit}};
    size_t count = 1;
    if (r->exponents)
        arrays[count++] = (hth_npz_array){"exponents", HTH_DTYPE_F64, 1, {N, 0, 0}, r->exponents};
    if (r->exponents && q->plan.points) {
        arrays[count++] = (hth_npz_array){"points", HTH_DTYPE_F64, 2, {P, N, 0}, numbers};
        arrays[count++] = (hth_npz_array){"speeds", HTH_DTYPE_F64, 1, {P, 0, 0}, speeds};
        arrays[count++] = (hth_npz_array){"met", HTH_DTYPE_U64, 1, {P, 0, 0}, met};
        arrays[count++] = (hth_npz_array){"eigenvalues", HTH_DTYPE_F64, 3, {P, N, 2}, values};
    }
    const hth_status status = hth_npz_write(q->npz, arrays, count, &error);
    free(numbers), free(met);
    return status == HTH_OK ? CLI_OK : cli_fail(&error);
}

/* ---- The picture -------------------------------------------------------------------------------- */

/* The norm over the lag, and what the largest exponent makes of that of lag 1. */
static bool add_credit(figure *f, const hth_dynamics *r) {
    enum { HIGH = 240 };
    figure_panel *panel = figure_add_panel(f, "over the lag k", HIGH);
    figure_line *line = figure_add_line(panel, "|dE_t/dX_{t-k}|", r->reach + 1, false);
    if (!line) return false;
    snprintf(panel->label, sizeof panel->label, "credit");
    panel->logarithmic = true;
    const double least = 1e-12 * r->credit[0]; /* below it there is nothing to be seen */
    for (size_t k = 0; k <= r->reach; k++) {
        line->x[k] = (double)k;
        line->y[k] = r->credit[k] > least ? r->credit[k] : (double)NAN;
    }
    if (!r->exponents) return true;
    figure_line *fading = figure_add_line(panel, "exp(lambda_1 k)", r->reach + 1, false);
    if (!fading) return false;
    fading->dash = FIGURE_DASHED;
    fading->width = 1.4;
    for (size_t k = 0; k <= r->reach; k++) {
        fading->x[k] = (double)k;
        const double y = r->credit[0] * exp(r->exponents[0] * (double)k);
        fading->y[k] = y > least ? y : (double)NAN;
    }
    return true;
}

static bool add_exponents(figure *f, const hth_dynamics *r) {
    enum { HIGH = 160 };
    size_t count = 0;
    while (count < r->states && isfinite(r->exponents[count])) count++;
    figure_panel *panel = figure_add_panel(f, "Lyapunov exponents, the largest first", HIGH);
    figure_line *line = figure_add_line(panel, "", count, false);
    if (!line) return false;
    snprintf(panel->label, sizeof panel->label, "nats a step");
    line->dots = true;
    line->width = 1;
    for (size_t i = 0; i < count; i++) {
        line->x[i] = (double)i;
        line->y[i] = r->exponents[i];
    }
    figure_add_level(panel, "neither grows nor fades", 0);
    return true;
}

static bool add_points(figure *f, const hth_dynamics *r) {
    enum { HIGH = 200, MOST = 7 };
    figure_panel *panel = figure_add_panel(f, "sizes of the eigenvalues at rest points", HIGH);
    snprintf(panel->label, sizeof panel->label, "|eigenvalue|");
    for (size_t i = 0; i < r->count && i < MOST; i++) {
        const hth_rest_point *p = &r->points[i];
        char name[80];
        snprintf(name, sizeof name, "%s point, from %zu", p->is_fixed ? "fixed" : "slow", p->met);
        figure_line *line = figure_add_line(panel, name, r->states, false);
        if (!line) return false;
        line->dots = true;
        line->width = 1;
        for (size_t k = 0; k < r->states; k++) {
            line->x[k] = (double)k;
            line->y[k] = hypot(p->re[k], p->im[k]);
        }
    }
    figure_add_level(panel, "neither grows nor fades", 1);
    return true;
}

static int draw(const dynamics_request *q) {
    const hth_dynamics *r = &q->result;
    char title[400];
    snprintf(title, sizeof title, "%.300s", q->plan.run);
    figure *f = figure_create(title, "lag k in steps; number of the exponent; of the eigenvalue");
    bool good = f && add_credit(f, r);
    if (good && r->exponents) good = add_exponents(f, r);
    if (good && r->count) good = add_points(f, r);
    const int code = figure_draw(good ? f : NULL, q->picture);
    figure_destroy(f);
    return code;
}

/* ---- All together --------------------------------------------------------------------------------- */

static int show(const dynamics_request *q) {
    const hth_dynamics *r = &q->result;
    print_credit(r);
    if (r->why_not)
        cli_say(stdout, "\nThere are no exponents and no fixed points of this network: %s.\n",
                r->why_not);
    else
        print_exponents(r), print_points(q);
    int code = q->npz ? write_npz(q) : CLI_OK;
    if (code == CLI_OK && q->picture) code = draw(q);
    if (code == CLI_OK && q->npz) cli_say(stdout, "%s\n", q->npz);
    if (code == CLI_OK && q->picture) cli_say(stdout, "%s\n", q->picture);
    return code;
}

static int look(const cli_arguments *arguments, dynamics_request *q) {
    hth_error error;
    bool stopped;
    q->plan.observer = cli_look_on(&q->onlooker, arguments, "step");
    if (hth_dynamics_find(&q->plan, &q->result, &stopped, &error) != HTH_OK) {
        cli_progress_clear(&q->onlooker.progress);
        return cli_fail(&error);
    }
    const int code = stopped ? CLI_INTERRUPTED : show(q);
    hth_dynamics_free(&q->result);
    return code;
}

int cli_dynamics(const cli_arguments *arguments) {
    hth_config *overrides;
    hth_error error;
    dynamics_request q = {0};
    size_t count;
    if (hth_config_create(&overrides, &error) != HTH_OK) return cli_fail(&error);
    int code = cli_find_runs(arguments, overrides, "hitherto dynamics RUN", &q.plan.run, 1, &count);
    if (code == CLI_OK) code = read_options(arguments, &q);
    if (code == CLI_OK) code = cli_need_double(arguments);
    /* Runs of either precision: the checkpoint's numbers are converted. */
    if (code == CLI_OK &&
        hth_config_set(overrides, "train.precision", "double", NULL, &error) != HTH_OK)
        code = cli_fail(&error);
    const hth_settings settings = hth_config_settings(overrides);
    q.plan.overrides = &settings;
    if (code == CLI_OK) code = look(arguments, &q);
    hth_config_destroy(overrides);
    return code;
}
