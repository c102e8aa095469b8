/* The losses: one line each. */
#include "network/losses/losses.h"
#include "network/catalogues.h"

static const hth_loss *const losses[] = {&hth_loss_mse, &hth_loss_softmax, &hth_loss_sigmoid};

static const hth_option common[] = {
    {.name = "batch",
     .help = "over the items of the batch the loss is a mean or a sum (Bellec et al.: sum)",
     .fallback = "mean",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"mean", "sum", NULL},
     .offset = offsetof(hth_loss_common, batch)},
    {.name = "time",
     .help = "over the steps of a tape the loss is a sum or a mean (a factor 1/K)",
     .fallback = "sum",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"sum", "mean", NULL},
     .offset = offsetof(hth_loss_common, time)},
};

const hth_loss *hth_loss_at(size_t index) {
    return losses[index];
}

static const hth_part *part_at(size_t index) {
    return &losses[index]->part;
}

const hth_catalogue hth_losses = {
    .kind = "loss",
    .summary = "What is minimised: compares the readout with the target.",
    .key = "loss.name",
    .fallback = NULL, /* follows from the targets: mse for values, softmax for classes */
    .common = {"loss", common, HTH_COUNT(common)},
    .count = HTH_COUNT(losses),
    .at = part_at,
};
