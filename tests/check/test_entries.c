/* That each entry of every cell's table is held against differences of the cell's step, and that a wrong one is named,
 * and no other. */
#include "check/entries.h"
#include "network/catalogues.h"
#include "network/network.h"
#include "runs.h"

#include <math.h>

/* Every option that changes a derivative. */
static const char *const lines[] = {
    "cell=rate cell.alpha=0.4",
    "cell=rate cell.alpha=1 cell.phi=relu",
    "cell=rate cell.alpha=0.3,0.5,1,0.2,0.9 cell.phi=softplus",
    "cell=rate-pre",
    "cell=rate-pre cell.alpha=0.7 cell.phi=tanh",
    "cell=lstm",
    "cell=lstm cell.output=linear",
    "cell=gru",
    "cell=sublstm",
    "cell=modrelu cell.offset=-0.3",
    "cell=modrelu cell.offset=0.3",
    "cell=lif cell.spike=smooth",
    "cell=lif cell.spike=smooth cell.v_th=25 cell.scale_input=true",
    "cell=lif cell.spike=smooth cell.scale_by_threshold=false cell.pseudo_derivative=arctan",
    "cell=lif cell.spike=smooth cell.v_th=1e-6 cell.pseudo_derivative=gaussian",
    "cell=alif cell.spike=smooth cell.beta=1.8",
    "cell=alif cell.spike=smooth cell.beta=0,0,0.03,1.8,3 cell.pseudo_derivative=fast-sigmoid",
    "cell=alif cell.spike=smooth cell.refractory=3 cell.gamma=1",
    "cell=lif cell.spike=smooth cell.reset=zero",
    "cell=lif cell.spike=smooth cell.reset=zero cell.refractory=2 cell.scale_input=true",
    "cell=alif cell.spike=smooth cell.reset=zero cell.beta=1.8",
    "cell=cubalif cell.spike=smooth",
    "cell=cubalif cell.spike=smooth cell.scale_input=true cell.tau_syn=1,2,3,50,0.1",
    "cell=cubalif cell.spike=smooth cell.reset=zero cell.gamma=1",
    "cell=rate cell.alpha=0.3,0.5,0.1,0.2,0.9 cell.learn=alpha",
    "cell=lif cell.spike=smooth cell.learn=tau_m,v_th cell.tau_m=4",
    "cell=lif cell.spike=smooth cell.learn=tau_m,v_th cell.tau_m=4 cell.reset=zero "
    "cell.scale_input=true cell.scale_by_threshold=false",
    "cell=lif cell.spike=smooth cell.learn=v_th cell.refractory=2 cell.reset_gradient=true",
    "cell=alif cell.spike=smooth cell.learn=tau_m,v_th,tau_a,beta cell.beta=0.8 cell.tau_a=6",
    "cell=alif cell.spike=smooth cell.learn=tau_a,beta cell.beta=0.8,0,1,1,1 cell.tau_a=6 "
    "cell.reset=zero",
    "cell=cubalif cell.spike=smooth cell.learn=tau_m,v_th,tau_syn cell.tau_m=4",
    "cell=cubalif cell.spike=smooth cell.learn=tau_syn,tau_m cell.tau_m=4 cell.reset=zero "
    "cell.scale_input=true",
};

static const bool is_double = sizeof(hth_real) == sizeof(double);

static hth_network *make_network(const char *line) {
    char text[512];
    hth_error error;
    hth_network *network;
    const hth_shape shape = {.inputs = 2, .outputs = 1, .target = HTH_TARGET_VALUES};
    snprintf(text, sizeof text, "%s network.units=5", line);
    hth_config *config = configure(text);
    const hth_settings settings = hth_config_settings(config);
    if (hth_network_create(&settings, &shape, 1, NULL, &network, &error) != HTH_OK)
        fail_msg("%s: %s", line, error.message);
    hth_config_destroy(config);
    return network;
}

typedef struct result {
    size_t rows, failed;
    double largest_error;
    char failed_entries[160], first[200]; /* their names; what is said of the first */
} result;

static void take_row(void *context, const hth_check_row *row) {
    result *r = context;
    assert_true(row->of_cell);
    r->rows++;
    assert_int_equal(row->worst != NULL, !row->passed);
    if (row->passed) {
        r->largest_error = fmax(r->largest_error, row->relative_error);
        return;
    }
    if (r->failed++ == 0) snprintf(r->first, sizeof r->first, "%s", row->worst);
    size_t used = strlen(r->failed_entries);
    snprintf(r->failed_entries + used, sizeof r->failed_entries - used, "%s ", row->block);
}

static result check_network(const hth_network *network, bool z_is_smooth, heard *h) {
    result r = {0};
    hth_error error;
    const hth_observer observer = listen(h);
    hth_check_run run = {.observer = &observer, .row = take_row, .context = &r};
    if (hth_check_entries(&run, network, 0, z_is_smooth, &error) != HTH_OK)
        fail_msg("%s", error.message);
    return r;
}

/* ---- Right tables ---- */

static void every_table_is_right(void **state) {
    (void)state;
    bool seen[32] = {false};
    for (size_t i = 0; i < HTH_COUNT(lines); i++) {
        heard h;
        hth_network *network = make_network(lines[i]);
        const result r = check_network(network, true, &h);
        for (size_t c = 0; c < hth_cells.count; c++)
            seen[c] = seen[c] ||
                      strcmp(hth_cell_at(c)->part.name, network->layers[0].cell->part.name) == 0;
        if (r.failed) fail_msg("%s: %s", lines[i], r.first);
        if (h.messages) fail_msg("%s: %s", lines[i], h.all); /* nothing is left out */
        assert_true(r.rows >= 3);
        if (!(r.largest_error < (is_double ? 1e-7 : 1e-2)))
            fail_msg("%s: relative error %g", lines[i], r.largest_error);
        hth_network_destroy(network);
    }
    for (size_t c = 0; c < hth_cells.count; c++) assert_true(seen[c]);
}

/* ---- Wrong ones ---- */

/* Another number than the entry's. */
static hth_entry wrong(hth_entry entry) {
    return entry.where == HTH_AT_ONE ? (hth_entry){HTH_AT_ZERO, 0, 0, 0} : (hth_entry)HTH_ONE;
}

/* The table of a network's cell with one entry wrong: that one is named, and no other. */
static void break_entry(hth_network *network, const char *line, hth_cell *copy, hth_entry *entry,
                        const char *format, const char *i, const char *k) {
    heard h;
    char name[32], expected[34], sentence[64];
    const hth_entry kept = *entry;
    *entry = wrong(kept);
    network->layers[0].cell = copy;
    const result r = check_network(network, true, &h);
    snprintf(name, sizeof name, format, i, k);
    snprintf(expected, sizeof expected, "%s ", name);
    snprintf(sentence, sizeof sentence, "%s of %s: the table says ", name, copy->part.name);
    if (strcmp(r.failed_entries, expected) != 0)
        fail_msg("%s: broke %s, but told of '%s'", line, name, r.failed_entries);
    if (strncmp(r.first, sentence, strlen(sentence)) != 0) fail_msg("'%s'", r.first);
    *entry = kept;
}

static void break_every_entry(const char *line) {
    hth_network *network = make_network(line);
    const hth_cell *cell = network->layers[0].cell;
    hth_cell copy = *cell;
    const char *const *s = cell->state_names, *const *a = cell->drive_names;
#define BREAK(entry, format, i, k) break_entry(network, line, &copy, entry, format, i, k)
    for (size_t i = 0; i < cell->states; i++) {
        for (size_t k = 0; k < cell->states; k++) BREAK(&copy.D[i][k], "D[%s][%s]", s[i], s[k]);
        for (size_t g = 0; g < cell->drives; g++) BREAK(&copy.B[i][g], "B[%s][%s]", s[i], a[g]);
        BREAK(&copy.R[i], "R[%s]%s", s[i], "");
        BREAK(&copy.Z[i], "Z[%s]%s", s[i], "");
    }
    for (size_t g = 0; g < cell->drives; g++) BREAK(&copy.Q[g], "Q[%s]%s", a[g], "");
#undef BREAK
    network->layers[0].cell = cell;
    hth_network_destroy(network);
}

static void a_wrong_entry_is_named(void **state) {
    (void)state;
    break_every_entry("cell=rate cell.alpha=0.4");
    break_every_entry("cell=rate-pre cell.alpha=0.7");
    break_every_entry("cell=lstm");
    break_every_entry("cell=gru");
    break_every_entry("cell=lif cell.spike=smooth cell.scale_input=true");
    break_every_entry("cell=alif cell.spike=smooth cell.scale_input=true cell.beta=1.8");
    break_every_entry("cell=rate cell.alpha=0.4 cell.learn=alpha");
    break_every_entry("cell=alif cell.spike=smooth cell.learn=tau_m,v_th,tau_a,beta cell.beta=0.8 "
                      "cell.scale_input=true");
    break_every_entry("cell=cubalif cell.spike=smooth cell.learn=tau_m,v_th,tau_syn "
                      "cell.scale_input=true");
}

/* B of GRU's gate u is where that of r stands. */
static void a_mixed_up_field_is_named(void **state) {
    (void)state;
    heard h;
    double says, truth;
    hth_network *network = make_network("cell=gru");
    hth_cell copy = *network->layers[0].cell;
    copy.B[0][1] = copy.B[0][0];
    network->layers[0].cell = &copy;
    const result r = check_network(network, true, &h);
    assert_int_equal(r.failed, 1);
    assert_string_equal(r.failed_entries, "B[h][u] ");
    assert_int_equal(
        sscanf(r.first, "B[h][u] of gru: the table says %lf, differences say %lf", &says, &truth),
        2);
    assert_true(fabs(says - truth) > 0.05);
    hth_network_destroy(network);
}

/* The step of gru, whose B of gate u is no number for one unit. */
static void spoil_one_unit(const hth_row *row) {
    const hth_cell *gru = NULL;
    for (size_t c = 0; c < hth_cells.count; c++)
        if (strcmp(hth_cell_at(c)->part.name, "gru") == 0) gru = hth_cell_at(c);
    gru->step(row);
    if (row->n > 3) row->field[2][3] = (hth_real)NAN;
}

static void what_is_no_number_fails(void **state) {
    (void)state;
    heard h;
    hth_network *network = make_network("cell=gru");
    hth_cell copy = *network->layers[0].cell;
    copy.step = spoil_one_unit;
    network->layers[0].cell = &copy;
    const result r = check_network(network, true, &h);
    assert_string_equal(r.failed_entries, "B[h][u] ");
    assert_non_null(strstr(r.first, "the table says nan"));
    hth_network_destroy(network);
}

/* ---- Spikes ---- */

/* The derivative of a step is none: what comes of it is not compared, and said; the rest is. */
static void a_pseudo_derivative_is_not_compared(void **state) {
    (void)state;
    heard h;
    hth_network *network = make_network("cell=alif");
    hth_cell copy = *network->layers[0].cell;
    result r = check_network(network, false, &h);
    assert_int_equal(r.failed, 0);
    assert_int_equal(h.messages, 1);
    assert_non_null(strstr(h.all, "not compared: D[a][v], D[a][a], Z[v], Z[a], Q[a]."));
    assert_non_null(strstr(h.all, "pseudo-derivative"));
    /* As if it were one, it would be wrong. */
    assert_true(check_network(network, true, &h).failed > 0);
    copy.R[0] = (hth_entry){HTH_AT_ZERO, 0, 0, 0};
    network->layers[0].cell = &copy;
    r = check_network(network, false, &h);
    assert_string_equal(r.failed_entries, "R[v] ");
    hth_network_destroy(network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_is_right),
        cmocka_unit_test(a_wrong_entry_is_named),
        cmocka_unit_test(a_mixed_up_field_is_named),
        cmocka_unit_test(what_is_no_number_fails),
        cmocka_unit_test(a_pseudo_derivative_is_not_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
