/** @file ptychokit/model.h  A generator with its weights and everything that is needed to use it again. */
#ifndef PTK_MODEL_H
#define PTK_MODEL_H

#include <ptychokit/array.h>
#include <ptychokit/context.h>

PTK_BEGIN_DECLS

/** A network with its weights, settings, probe, statistics and history. */
typedef struct ptk_model ptk_model;

/**
 * The generators (networks) that this context knows.
 *
 * @param      ctx         the context
 * @param[out] buf         JSON array of {"name", "aliases", "summary", "source", "capabilities"}
 * @param      capacity    bytes of @p buf
 * @param[out] needed_out  bytes needed, with the closing NUL
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_BUFFER_TOO_SMALL
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_generator_list(const ptk_context *ctx, char *buf, size_t capacity, size_t *needed_out);

/**
 * One generator with its options and what it costs with their defaults.
 *
 * @param      ctx         the context
 * @param      name        its name or an alias
 * @param[out] buf         JSON object as in ptk_generator_list(), with "options" as ptk_config_schema() gives them and
 *                         "cost", an array of {"N", "C", "parameters", "flops_per_frame"}: side, frames of an input,
 *                         weights (a complex one is one), floating-point operations of a prediction
 * @param      capacity    bytes of @p buf
 * @param[out] needed_out  bytes needed, with the closing NUL
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_NOT_FOUND; PTK_ERR_BUFFER_TOO_SMALL
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_generator_describe(const ptk_context *ctx, const char *name, char *buf, size_t capacity,
                                size_t *needed_out);

/**
 * The ways to draw a generator's first weights, for the option generator.initializer.
 *
 * @param      ctx         the context
 * @param[out] buf         JSON array of {"name", "aliases", "summary", "source", "capabilities"}
 * @param      capacity    bytes of @p buf
 * @param[out] needed_out  bytes needed, with the closing NUL
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_BUFFER_TOO_SMALL
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_initializer_list(const ptk_context *ctx, char *buf, size_t capacity, size_t *needed_out);

/**
 * What is registered under a category: networks, losses, optimizers ...
 *
 * @param      ctx         the context, whose plug-ins count among the generators
 * @param      category    "generators", "initializers", "losses", "regularizers", "optimizers", "schedules",
 *                         "gradient_limits" (or the singular), or "categories": these themselves
 * @param[out] buf         JSON array of {"name", "aliases", "summary", "source", "capabilities"}; names are values of the
 *                         option that the category's summary names
 * @param      capacity    bytes of @p buf
 * @param[out] needed_out  bytes needed, with the closing NUL
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_NOT_FOUND naming the nearest; PTK_ERR_BUFFER_TOO_SMALL
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_registry_list(const ptk_context *ctx, const char *category, char *buf, size_t capacity,
                           size_t *needed_out);

/**
 * One of them with the options that it reads.
 *
 * @param      ctx         the context
 * @param      category    as in ptk_registry_list(), but "categories"
 * @param      name        its name or an alias
 * @param[out] buf         JSON object as in ptk_registry_list(), with "options" as ptk_config_schema() gives them; for
 *                         generators also "cost", see ptk_generator_describe()
 * @param      capacity    bytes of @p buf
 * @param[out] needed_out  bytes needed, with the closing NUL
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_NOT_FOUND naming the nearest; PTK_ERR_BUFFER_TOO_SMALL
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_registry_describe(const ptk_context *ctx, const char *category, const char *name, char *buf,
                               size_t capacity, size_t *needed_out);

/**
 * Create a model with fresh weights, drawn from the seed.
 *
 * @param[out] out     release with ptk_model_free(). NULL on failure.
 * @param      ctx     gives device, generators and general settings
 * @param      side    side N of the frames, e.g. ptk_dataset_side()
 * @param      config  generator.name and its options; NULL for defaults
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_NOT_FOUND for an unknown generator;
 *         PTK_ERR_INVALID_CONFIG; PTK_ERR_SHAPE when the generator cannot take this side; PTK_ERR_OUT_OF_MEMORY
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_model_create(ptk_model **out, const ptk_context *ctx, int64_t side, const ptk_config *config);

/**
 * Load a model from a bundle (one HDF5 file; data only, nothing in it is executed).
 *
 * @param[out] out   release with ptk_model_free(). NULL on failure.
 * @param      ctx   gives device and generators
 * @param      path  file written by ptk_model_save() or by a trainer into its run folder
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_IO when the file cannot be read; PTK_ERR_FORMAT when it is
 *         damaged or of a newer format; PTK_ERR_NOT_FOUND when its generator is not registered
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_model_load(ptk_model **out, const ptk_context *ctx, const char *path);

/**
 * Save a model as a bundle. An old file of that name stays until the new one is complete.
 *
 * @param model  read only
 * @param path   the file, by custom ending in .ptk
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_IO
 * @par Threads  any, but not while the model is trained
 * @since 0.1
 */
PTK_CALL ptk_model_save(const ptk_model *model, const char *path);

/**
 * Make a model of weights from Python: a state dict of PyTorch (.pth, .pt), a checkpoint of Lightning (.ckpt),
 * PtychoPINN's wts.h5.zip, .safetensors or .npz, told apart by content.
 *
 * Nothing in the file is executed: of a pickle only tensors and plain values are read. Generator and options that @p
 * config does not give are found by what the file says and by names and shapes of its tensors; the log and "provenance"
 * in ptk_model_describe() say which, and which could not be told and have their defaults (e.g. generator.output_mode).
 * The model has no probe, no statistics and no history: reconstructions use the probe of the scan and scale its frames
 * by their own mean; a trainer sets all of them.
 *
 * @param[out] out     release with ptk_model_free(). NULL on failure.
 * @param      ctx     gives device and generators
 * @param      path    the file
 * @param      side    side N of the frames; 0 when the file says it or the shapes tell
 * @param      config  generator.name and options where they are known; NULL to find all of them
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL, a negative side, or 0 when N cannot be told; PTK_ERR_IO;
 *         PTK_ERR_FORMAT for another kind of file, a damaged one, one that wants anything called (its name is in the
 *         message), missing, unexpected or other tensors (their names are in the message); PTK_ERR_UNSUPPORTED for
 *         element types that weights do not have; PTK_ERR_NOT_FOUND, PTK_ERR_INVALID_CONFIG, PTK_ERR_SHAPE for what @p
 *         config asks; PTK_ERR_OUT_OF_MEMORY
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_model_import(ptk_model **out, const ptk_context *ctx, const char *path, int64_t side,
                          const ptk_config *config);

/**
 * Write the weights of a model, parameters and buffers by the names of the reference's state dict, for Python. An old
 * file of that name stays until the new one is complete. Complex weights in .safetensors need Python's safetensors 0.7.
 *
 * @param model  read only
 * @param path   the file: .safetensors or .npz
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL or another ending; PTK_ERR_NOT_CONVERGED when a weight is not
 *         finite; PTK_ERR_IO
 * @par Threads  any, but not while the model is trained
 * @since 0.1
 */
PTK_CALL ptk_model_export(const ptk_model *model, const char *path);

/**
 * Release a model. Trainers and reconstructors of it stay usable.
 *
 * @param model  NULL is ignored
 * @par Threads  one
 * @since 0.1
 */
PTK_API void ptk_model_free(ptk_model *model);

/**
 * Number of trainable numbers in the network (a complex one counts once).
 *
 * @param model  NULL gives 0
 * @return count
 * @par Threads  any
 * @since 0.1
 */
PTK_API int64_t ptk_model_parameter_count(const ptk_model *model);

/**
 * Side N of the frames that the model takes.
 *
 * @param model  NULL gives 0
 * @return N in pixels
 * @par Threads  any
 * @since 0.1
 */
PTK_API int64_t ptk_model_side(const ptk_model *model);

/**
 * Generator, N, group size, number of parameters, settings, probe, statistics, the experiments when it was trained on
 * several together, history, where it comes from.
 *
 * @param      model       the model
 * @param[out] buf         JSON object
 * @param      capacity    bytes of @p buf
 * @param[out] needed_out  bytes needed, with the closing NUL
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_BUFFER_TOO_SMALL
 * @par Threads  any, but not while the model is trained
 * @since 0.1
 */
PTK_CALL ptk_model_describe(const ptk_model *model, char *buf, size_t capacity, size_t *needed_out);

/**
 * The course of its training.
 *
 * @param      model       the model
 * @param[out] buf         JSON array of {"epoch", "training_loss", "validation_loss" (null without validation frames),
 *                         "learning_rate", "seconds"}, and, when regularizers were in use or one loss grew out of
 *                         another, "terms": what training_loss is the sum of, by name (the validation loss has no
 *                         regularizers); where the network has them "diagnostics": fractions of units that never fire
 *                         ("dead_units") and of values at the ends of their range ("saturated_head",
 *                         "saturated_border") over the validation frames
 * @param      capacity    bytes of @p buf
 * @param[out] needed_out  bytes needed, with the closing NUL
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_BUFFER_TOO_SMALL
 * @par Threads  any, but not while the model is trained
 * @since 0.1
 */
PTK_CALL ptk_model_history(const ptk_model *model, char *buf, size_t capacity, size_t *needed_out);

/**
 * The arrays that ptk_model_shape() and ptk_model_read() know: "probe" [modes, N, N] C64 once there is one,
 * "experiments.1.probe" and so on of a model that was trained on several experiments together ("probe" is then that of
 * the first), and every parameter and buffer of the network by its dotted name.
 *
 * @param      model       the model
 * @param[out] buf         JSON array of {"name", "dtype" ("F32", "C64" ...), "shape"}
 * @param      capacity    bytes of @p buf
 * @param[out] needed_out  bytes needed, with the closing NUL
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_BUFFER_TOO_SMALL
 * @par Threads  any, but not while the model is trained
 * @since 0.1
 */
PTK_CALL ptk_model_arrays(const ptk_model *model, char *buf, size_t capacity, size_t *needed_out);

/**
 * Shape of an array.
 *
 * @param      model      the model
 * @param      name       as ptk_model_arrays() lists them
 * @param[out] shape_out  elements along each axis
 * @param      capacity   numbers that fit into @p shape_out; PTK_MAX_NDIM is always enough
 * @param[out] ndim_out   axes
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_NOT_FOUND; PTK_ERR_BUFFER_TOO_SMALL
 * @par Threads  any, but not while the model is trained
 * @since 0.1
 */
PTK_CALL ptk_model_shape(const ptk_model *model, const char *name, int64_t *shape_out, int32_t capacity,
                         int32_t *ndim_out);

/**
 * Copy an array out, converted to the element type of the view (real to real, complex to complex).
 *
 * @param      model      the model
 * @param      name       as ptk_model_arrays() lists them
 * @param[out] array_out  a view of the shape that ptk_model_shape() gives
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_NOT_FOUND; PTK_ERR_SHAPE
 * @par Threads  any, but not while the model is trained
 * @since 0.1
 */
PTK_CALL ptk_model_read(const ptk_model *model, const char *name, ptk_view *array_out);

/**
 * Give the model a probe, in place of the one that its training scan had or made.
 *
 * @param model  the model
 * @param probe  [N, N] or [modes, N, N] complex, sqrt(counts); copied
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_SHAPE when its side is not the model's or a number is not
 *         finite
 * @par Threads  one at a time for @p model
 * @since 0.1
 */
PTK_CALL ptk_model_set_probe(ptk_model *model, const ptk_view *probe);

/**
 * Draw something of a model as an 8-bit PNG.
 *
 * @param model    the model
 * @param picture  "history" (losses over epochs) or "probe" (modes side by side)
 * @param path     the file; an old one of that name stays until the new one is complete
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_NOT_FOUND for another picture; PTK_ERR_STATE when the
 *         model has no history or no probe yet; PTK_ERR_IO
 * @par Threads  any, but not while the model is trained
 * @since 0.1
 */
PTK_CALL ptk_model_write_picture(const ptk_model *model, const char *picture, const char *path);

PTK_END_DECLS

#endif
