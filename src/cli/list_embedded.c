/* hitherto list --cost --embedded: what the network of the settings takes on a chip. */
#include "cli/cli.h"
#include "session/embedded.h"

#include <stdlib.h>
#include <string.h>

/* What the stack and the C library take beside the model, at most, where HTH_MOST_LAYERS and HTH_ROOM are small. */
enum { STACK = 6144 };

static void print_row(const char *name, size_t arm, size_t riscv) {
    printf("%-32s %10zu %10zu\n", name, arm, riscv);
}

static void print_ram(const hth_embedded_size *size) {
    const hth_model_sizes *a = &size->arm, *r = &size->riscv;
    printf("%-32s %10s %10s\n", "RAM, bytes", "ARM", "RISC-V");
    print_row("model", a->model + a->compute, r->model + r->compute);
    print_row("network, with its parameters", a->network, r->network);
    print_row("tape", a->tape, r->tape);
    print_row("learner", a->learner, r->learner);
    print_row("gradient", a->gradient, r->gradient);
    print_row("optimiser", a->optimiser - size->arm_keep, r->optimiser - size->riscv_keep);
    print_row("keep", size->arm_keep, size->riscv_keep);
    print_row("RAM in all", a->total, r->total);
}

/* Flash, and whether all fits. Stack and the C library's own RAM: what is left of 16 KB beside a model of 9 KB does. */
static void print_flash(const hth_embedded_size *size) {
    const size_t parameters = size->parameters * sizeof(float);
    const size_t code = hth_embedded_code(&size->parts), kilo = 1024;
    printf("\nFlash, bytes\n%-32s %10zu\n%-32s %10zu   (Cortex-M4F, gcc -Os, with picolibc and its "
           "printf; within 5 %%)\n%-32s %10zu\n",
           "parameters (export --c)", parameters, "code of the parts below", code, "flash in all",
           parameters + code);
    printf("\n%-32s %10s %10s\n", "Fits", "RAM", "flash");
    for (size_t size_of = 16; size_of <= 1024; size_of *= 4)
        printf("%4zu KB%25s %10s %10s\n", size_of, "",
               size->arm.total + STACK <= size_of * kilo ? "yes" : "no",
               parameters + code <= size_of * kilo ? "yes" : "no");
    printf("(RAM with %d bytes for the stack and the C library)\n", (int)STACK);
}

/* As CMake takes them, of a build with these parts alone. */
static void print_parts(const hth_chosen_parts *parts) {
    printf("\nParts:");
    for (size_t l = 0; l < HTH_PART_LISTS; l++) {
        printf(" \"-DHTH_%s=", hth_part_lists[l].list);
        for (size_t i = 0; i < parts->counts[l]; i++) {
            if (i) putchar(';');
            for (const char *at = parts->names[l][i]; *at; at++) putchar(*at == '-' ? '_' : *at);
        }
        putchar('"');
    }
    printf("\n");
}

static void print_size(const hth_embedded_size *size) {
    const hth_shape *shape = &size->shape;
    printf(
        "On a chip with pointers of 32 bits: %zu %s, %zu outputs, tapes of K = %zu, one sequence "
        "at a time.\n\n",
        shape->vocabulary ? shape->vocabulary : shape->inputs,
        shape->vocabulary ? "kinds of token" : "inputs", shape->outputs, size->steps);
    print_ram(size);
    print_flash(size);
    print_parts(&size->parts);
}

int cli_list_embedded(const hth_config *config) {
    hth_embedded_size size = {0};
    hth_error error;
    const hth_settings settings = hth_config_settings(config);
#ifdef HTH_DOUBLE
    return cli_complain(CLI_BAD_INPUT, "--embedded is of chips, which compute in single precision: "
                                       "use the program 'hitherto'");
#endif
    if (strcmp(cli_setting(config, "train.precision"), "double") == 0)
        return cli_complain(
            CLI_BAD_INPUT, "train.precision is 'double', but --embedded is of chips, which compute "
                           "in single precision: set train.precision=single");
    if (hth_config_validate(config, &error) != HTH_OK ||
        hth_embedded_count(&settings, &size, &error) != HTH_OK)
        return cli_fail(&error);
    print_size(&size);
    const hth_setting *replay = hth_settings_find(&settings, "replay.name");
    if (replay && strcmp(replay->value, "none") != 0)
        printf("\nNot counted: replay.name = %s. There is no replay on a chip.\n", replay->value);
    return CLI_OK;
}
