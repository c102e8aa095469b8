/* Learning-rate schedules: the factor of optimiser.lr at an update (from 1) and epoch (from 1). */
#include "base/functions64.h"
#include "optim/catalogues.h"
#include "optim/method.h"

static double constant(const hth_schedule_options *o, uint64_t step, uint64_t epoch) {
    (void)o, (void)step, (void)epoch;
    return 1;
}

static double steps(const hth_schedule_options *o, uint64_t step, uint64_t epoch) {
    (void)epoch;
    return hth_pow64(o->factor, (double)((step - 1) / (uint64_t)o->every));
}

static double exponential(const hth_schedule_options *o, uint64_t step, uint64_t epoch) {
    (void)epoch;
    return hth_pow64(o->factor, (double)(step - 1) / (double)o->every);
}

static double halving(const hth_schedule_options *o, uint64_t step, uint64_t epoch) {
    (void)step;
    const uint64_t start = (uint64_t)o->start;
    return epoch > start ? hth_pow64(o->factor, (double)(epoch - start)) : 1;
}

static const hth_schedule schedules[] = {
    {.part = {.name = "constant", .summary = "the learning rate stays", .source = "-"},
     .factor = constant},
    {.part = {.name = "step",
              .summary = "times factor after every so many updates",
              .source = "Bellec et al. 2019, Methods 1.1"},
     .factor = steps},
    {.part = {.name = "exponential",
              .summary = "factor^(update/every), without steps",
              .source = "-"},
     .factor = exponential},
    {.part = {.name = "halving",
              .summary = "times factor at each epoch after epoch `start`",
              .source = "Zaremba et al. 2014: factor 0.5, start 4"},
     .factor = halving},
};

const hth_schedule *hth_schedule_at(size_t index) {
    return &schedules[index];
}

static const hth_part *part_at(size_t index) {
    return &schedules[index].part;
}

const hth_catalogue hth_schedules = {
    .kind = "schedule",
    .summary = "How the learning rate changes.",
    .key = "optimiser.schedule",
    .fallback = "constant",
    .count = HTH_COUNT(schedules),
    .at = part_at,
};
