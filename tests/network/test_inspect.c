/* That parameters are called what they are. (The tables of cells are tried in tests/check/test_entries.c.) */
#include "laws.h"
#include "network/inspect.h"

static hth_network *make_network(const char *line, const hth_shape *shape) {
    char text[256];
    hth_setting items[LAW_SETTINGS];
    hth_error error;
    hth_network *network;
    snprintf(text, sizeof text, "%s", line);
    const hth_settings settings = law_split(text, items);
    must(hth_network_create(&settings, shape, 1, NULL, &network, &error), &error);
    return network;
}

static void is_called(const hth_network *network, const char *block, size_t row, size_t column,
                      const char *expected) {
    size_t count;
    const hth_block *blocks = hth_network_blocks(network, &count);
    char name[96] = "";
    for (size_t i = 0; i < count; i++)
        if (strcmp(blocks[i].name, block) == 0)
            hth_parameter_name(network, blocks[i].offset + row * blocks[i].columns + column, name,
                               sizeof name);
    assert_string_equal(name, expected);
}

static void test_gates_units_and_columns(void **state) {
    (void)state;
    const hth_shape shape = {.inputs = 2, .outputs = 2, .target = HTH_TARGET_VALUES};
    hth_network *n =
        make_network("cell.name=gru network.units=3,2 network.initial=learned", &shape);
    is_called(n, "layer0.weight", 0, 0, "gate r of unit 0, from unit 0");
    is_called(n, "layer0.weight", 5, 1, "gate u of unit 2, from unit 1");
    is_called(n, "layer0.weight", 6, 4, "gate cx of unit 0, from input 1");
    is_called(n, "layer0.weight", 11, 5, "gate ch of unit 2, bias");
    is_called(n, "layer0.initial", 0, 1, "initial h of unit 1");
    is_called(n, "layer1.weight", 7, 4, "gate ch of unit 1, from unit 2 of layer 0");
    is_called(n, "readout.weight", 1, 1, "output 1, from unit 1");
    is_called(n, "readout.bias", 0, 1, "output 1, bias");
    hth_network_destroy(n);
    n = make_network("cell.name=lstm network.units=3 network.initial=learned", &shape);
    is_called(n, "layer0.initial", 0, 2, "initial c of unit 2");
    is_called(n, "layer0.initial", 1, 0, "initial z of unit 0");
    hth_network_destroy(n);
    n = make_network("cell.name=rate network.units=3", &shape);
    is_called(n, "layer0.weight", 2, 3, "unit 2, from input 0");
    hth_network_destroy(n);
}

static void test_embeddings_and_directions(void **state) {
    (void)state;
    const hth_shape shape = {.vocabulary = 7, .outputs = 2, .target = HTH_TARGET_VALUES};
    hth_network *n = make_network(
        "cell.name=lstm network.units=3 network.embedding=4 network.direction=both", &shape);
    is_called(n, "layer0.backward.weight", 4, 6, "gate f of unit 1, from embedded number 3");
    is_called(n, "embedding.weight", 6, 3, "symbol 6, embedded number 3");
    is_called(n, "readout.weight", 0, 2, "output 0, from unit 2");
    is_called(n, "readout.weight", 1, 4, "output 1, from backward unit 1");
    hth_network_destroy(n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gates_units_and_columns),
        cmocka_unit_test(test_embeddings_and_directions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
