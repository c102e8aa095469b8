/* What the files hold that a run learns from, as one number: a run that goes on must find what it began with. */
#ifndef HTH_CONTENT_H
#define HTH_CONTENT_H

#include "base/options.h"

/* A number of the size and content of the training files, wherever they lie: data.file (of a folder the .npy files
 * directly in it), data.train, data.labels, data.phones, world.file and world.labels, and the labels beside a file of
 * images. 0: the settings name none that can be read twice. Of an .npz file its arrays count, of another file larger
 * than 16 MiB 4096 blocks count, evenly spread. */
uint64_t hth_content_of(const hth_settings *settings);

#endif
