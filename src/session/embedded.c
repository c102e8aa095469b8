/* What a chip can run, and what that takes there. */
#include "session/embedded.h"

#include "model/inspect.h"
#include "settings/config.h"

#include <stdlib.h>
#include <string.h>

/* HTH_INVALID for settings of what is more than a network with a learner. */
static hth_status check(const hth_settings *settings, hth_error *error) {
    const hth_setting *world = hth_settings_find(settings, "world.name");
    HTH_TRY(hth_session_refuse_episodes(settings, error));
    if (world && *world->value && strcmp(world->value, "none") != 0)
        return hth_fail(error, HTH_INVALID,
                        "world.name is %s, but a world is part of the program and not of the core "
                        "that runs on a chip: take task.name or data.name",
                        world->value);
    return HTH_OK;
}

/* What the optimiser takes without keep, taken from what it takes. */
static hth_status find_keep(hth_chip chip, const hth_model_plan *plan, size_t with, size_t *out,
                            hth_error *error) {
    const hth_setting none = {"keep.name", "none", NULL};
    const hth_settings override = {&none, 1};
    hth_model_plan without = *plan;
    hth_model_sizes sizes;
    size_t parameters;
    HTH_TRY(hth_settings_join(&plan->settings, &override, &without.settings, error));
    without.checked = true;
    const hth_status status = hth_model_bytes_on(chip, &without, &sizes, &parameters, error);
    free((void *)(uintptr_t)without.settings.items);
    if (status == HTH_OK) *out = with - sizes.optimiser;
    return status;
}

/* The parts that the network needs. */
static hth_status find_parts(const hth_model_plan *plan, hth_chosen_parts *out, hth_error *error) {
    hth_network *network;
    HTH_TRY(hth_network_create(&plan->settings, &plan->shape, plan->seed, NULL, &network, error));
    const hth_status status = hth_embedded_parts(&plan->settings, network, out, error);
    hth_network_destroy(network);
    return status;
}

static hth_status count(const hth_settings *settings, const hth_source *source,
                        hth_embedded_size *out, hth_error *error) {
    out->shape = source->shape;
    HTH_TRY(hth_tape_steps(settings, source, &out->steps, error));
    const hth_model_plan plan = {.abi = HTH_ABI,
                                 .settings = *settings,
                                 .shape = source->shape,
                                 .steps = out->steps,
                                 .seed = out->seed,
                                 .threads = 1,
                                 .checked = true};
    HTH_TRY(hth_model_bytes_on(HTH_CHIP_ARM, &plan, &out->arm, &out->parameters, error));
    HTH_TRY(hth_model_bytes_on(HTH_CHIP_RISCV, &plan, &out->riscv, &out->parameters, error));
    hth_model_sizes here;
    HTH_TRY(hth_model_bytes_on(HTH_CHIP_HERE, &plan, &here, &out->parameters, error));
    out->here = here.total;
    HTH_TRY(find_parts(&plan, &out->parts, error));
    HTH_TRY(find_keep(HTH_CHIP_ARM, &plan, out->arm.optimiser, &out->arm_keep, error));
    return find_keep(HTH_CHIP_RISCV, &plan, out->riscv.optimiser, &out->riscv_keep, error);
}

hth_status hth_embedded_count(const hth_settings *settings, hth_embedded_size *out,
                              hth_error *error) {
    hth_source source = {0};
    hth_train_options options;
    HTH_TRY(check(settings, error));
    HTH_TRY(hth_options_read(&hth_train_section.common, settings, &options, error));
    out->seed = (uint64_t)options.seed;
    HTH_TRY(hth_source_open(settings, HTH_TRAIN, 1, out->seed, &source, error));
    if (!source.kind) return hth_source_absent(settings, HTH_TRAIN, error);
    const hth_status status = count(settings, &source, out, error);
    hth_source_close(&source);
    return status;
}
