/**
 * @file ptychokit/ptychokit.h  The whole interface of PtychoKit.
 *
 * PtychoKit reconstructs the complex object and the probe of a scanning diffraction experiment (ptychography) with
 * neural networks that are trained through the physics of the measurement, and with iterative engines.
 *
 * A run in calls:
 * @code
 *   ptk_context_create(&context, "auto", config);
 *   ptk_dataset_open(&dataset, context, "scan.npz", config);
 *   ptk_model_create(&model, context, ptk_dataset_side(dataset), config);
 *   ptk_trainer_create(&trainer, model, config, NULL);
 *   ptk_trainer_fit(trainer, dataset, NULL, NULL, NULL);
 *   ptk_reconstructor_create(&reconstructor, context, model, config);
 *   ptk_reconstructor_reconstruct(&canvas, reconstructor, dataset, NULL, NULL, NULL);
 *   ptk_canvas_save(canvas, "object.h5");
 * @endcode
 *
 * Conventions that hold everywhere:
 *
 * - Calls that can fail return a ptk_status; ptk_last_error_message() then says what, where, expected and found.
 * - @b Ownership: what a call stores in `out` (`*_create`, `*_open`, `*_load`, `*_from_*`, ...) is released with the
 * `*_free` function of its type. `out` comes first and holds NULL after a failure. Handles may be released in any
 * order: each keeps alive what it needs. Releasing NULL does nothing. Texts and arrays that are passed in are copied or
 * read during the call only.
 * - @b Threads: a call that takes a handle as a pointer to const may run at the same time as others of that kind on the
 * same handle; all other calls need the handle for themselves. Handles may move between threads.
 * - @b Configuration: a `config` may be NULL (defaults). Every call accepts one complete configuration: all of it is
 * checked, each call reads its own part. An unknown key is an error that names the nearest known one.
 * - @b Texts out are copied into the caller's buffer: `(char *buf, size_t capacity, size_t *needed_out)`. The size with
 * the closing NUL is always written to `needed_out`; with `buf` NULL and `capacity` 0 that is all; a buffer that is too
 * small is left empty and the call returns PTK_ERR_BUFFER_TOO_SMALL. The text is made anew by each call: try with a
 * buffer of some size first.
 * - @b Frame: positions are (x, y) = (column, row) of the patch centre in object pixels; the patch of side N covers
 * columns [x - N/2, x + N/2) and rows [y - N/2, y + N/2). Diffraction patterns have their zero frequency at index N/2
 * of each axis.
 * - @b Units: probes are in sqrt(counts), so that their squared modulus sums to the mean counts of a frame.
 *
 * Minimal use of an array: ptk_view_init() and the name of an array of the handle ("object", "probe" ...).
 */
#ifndef PTK_PTYCHOKIT_H
#define PTK_PTYCHOKIT_H

#include <ptychokit/array.h>
#include <ptychokit/base.h>
#include <ptychokit/context.h>
#include <ptychokit/dataset.h>
#include <ptychokit/evaluate.h>
#include <ptychokit/model.h>
#include <ptychokit/plugin.h>
#include <ptychokit/reconstruct.h>
#include <ptychokit/train.h>

#endif
