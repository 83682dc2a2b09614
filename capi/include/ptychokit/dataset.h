/** @file ptychokit/dataset.h  One scanning diffraction experiment: frames, positions, probe. */
#ifndef PTK_DATASET_H
#define PTK_DATASET_H

#include <ptychokit/array.h>
#include <ptychokit/context.h>

PTK_BEGIN_DECLS

/** A scan. Never changes once it is made: all calls but ptk_dataset_free() may run at the same time. */
typedef struct ptk_dataset ptk_dataset;

/**
 * What is in a file, without reading its arrays: kind, arrays with shapes and types, what would be read, notes,
 * suggestions, among them another orientation of the frames when it explains them clearly better (seconds;
 * data.check_orientation). Works for scans, bundles of models and saved canvases.
 *
 * @param      ctx         log and general settings
 * @param      path        the file
 * @param      config      the data.* options, with which it would be read; NULL for defaults
 * @param[out] buf         JSON object
 * @param      capacity    bytes of @p buf
 * @param[out] needed_out  bytes needed, with the closing NUL
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_IO; PTK_ERR_FORMAT; PTK_ERR_INVALID_CONFIG;
 *         PTK_ERR_BUFFER_TOO_SMALL
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_file_describe(const ptk_context *ctx, const char *path, const ptk_config *config, char *buf,
                           size_t capacity, size_t *needed_out);

/**
 * Open a scan, told apart by content: NPZ in PtychoPINN's layout; HDF5 in CXI layout, of ptychodus (a diffraction file
 * and its product), of PtyPy (.ptyd), or of any layout with its paths in data.frames and its kin; NPY frames whose
 * positions are in the file data.positions; a folder of ptychodus or of NPZ files. The data.* options say what the file leaves open (unit of the frames and positions, place of the zero frequency, axis order) and select a part of the
 * scan. Frames beyond data.memory_mib stay in their HDF5 file, which must not change while the dataset lives. With
 * data.store the frames of any format are read from a mapped file, which is built here when it is missing or was made
 * of something else (the log says why); any number of processes may use it.
 *
 * @param[out] out     release with ptk_dataset_free(). NULL on failure.
 * @param      ctx     log and general settings
 * @param      path    the file
 * @param      config  NULL for defaults
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_IO; PTK_ERR_FORMAT; PTK_ERR_SHAPE; PTK_ERR_NOT_FOUND when
 *         an array is missing; PTK_ERR_INVALID_CONFIG. The message begins with the file.
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_dataset_open(ptk_dataset **out, const ptk_context *ctx, const char *path, const ptk_config *config);

/**
 * Make a dataset of arrays, which are copied. The data.* options apply as for a file.
 *
 * @param[out] out        release with ptk_dataset_free(). NULL on failure.
 * @param      ctx        log and general settings
 * @param      patterns   [n, N, N] real: counts, intensities or amplitudes (data.measurement)
 * @param      positions  [n, 2] real, (x, y), in object pixels, or metres (data.position_unit and data.pixel_size_m)
 * @param      probe      [N, N] or [modes, N, N] complex; may be NULL
 * @param      object     [H, W] complex, a known object in the frame of the positions, for evaluation; may be NULL
 * @param      config     NULL for defaults
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_SHAPE; PTK_ERR_FORMAT for positions or patterns that are
 *         not finite; PTK_ERR_INVALID_CONFIG
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_dataset_from_arrays(ptk_dataset **out, const ptk_context *ctx, const ptk_view *patterns,
                                 const ptk_view *positions, const ptk_view *probe, const ptk_view *object,
                                 const ptk_config *config);

/**
 * Simulate an experiment after the simulation.* options and the seed: object, probe, positions, photon counts. The
 * dataset holds the truth: its object, probe and positions are those that made the patterns. A seed gives the same
 * patterns on any number of threads.
 *
 * @param[out] out        release with ptk_dataset_free(). NULL on failure.
 * @param      ctx        log and general settings
 * @param      config     NULL for defaults
 * @param      cancel     may be NULL
 * @param      progress   may be NULL
 * @param      user_data  handed to @p progress
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_INVALID_CONFIG for options that do not fit together;
 *         PTK_ERR_SHAPE for an object file that is smaller than the scan; PTK_ERR_IO; PTK_ERR_FORMAT;
 *         PTK_ERR_OUT_OF_MEMORY; PTK_ERR_CANCELLED; PTK_ERR_CALLBACK
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_simulate(ptk_dataset **out, const ptk_context *ctx, const ptk_config *config, const ptk_cancel *cancel,
                      ptk_progress_fn progress, void *user_data);

/**
 * Write a dataset to a file, from which ptk_dataset_open() reads the same patterns, positions, probe, object and bad
 * pixels. The name holds the old content or the whole new one.
 *
 * @param dataset  read only
 * @param path     the file, or for "ptychodus" a folder that is not there yet
 * @param format   "npz" (PtychoPINN's layout), "cxi" (HDF5), "ptychodus" (diffraction.h5 and product-in.h5), or "auto":
 *                 by the suffix .npz, .cxi, .h5, .hdf5; none for ptychodus, or, of several experiments, which the other
 *                 formats do not take, for a folder with an NPZ file of each
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL, another format or suffix, or a format in metres when the object
 *         pixel is not known, or without the probe that it needs; PTK_ERR_EXISTS for a folder that is there;
 *         PTK_ERR_IO; PTK_ERR_OUT_OF_MEMORY
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_dataset_save(const ptk_dataset *dataset, const char *path, const char *format);

/**
 * The part of a dataset whose scan points lie inside fractions of the range of the positions, e.g. 0 to 0.5 in x: the
 * left half. Frames are not copied.
 *
 * @param[out] out      a dataset of its own; release with ptk_dataset_free(). NULL on failure.
 * @param      dataset  read only
 * @param      x_low    0 to 1, smallest x (column)
 * @param      x_high   0 to 1, largest x, included
 * @param      y_low    0 to 1, smallest y (row)
 * @param      y_high   0 to 1, largest y, included
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL or fractions outside 0 to 1 or in wrong order; PTK_ERR_SHAPE when
 *         nothing is inside
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_dataset_select(ptk_dataset **out, const ptk_dataset *dataset, double x_low, double x_high, double y_low,
                            double y_high);

/**
 * Release a dataset.
 *
 * @param dataset  NULL is ignored
 * @par Threads  one
 * @since 0.1
 */
PTK_API void ptk_dataset_free(ptk_dataset *dataset);

/**
 * Number of frames, n.
 *
 * @param dataset  NULL gives 0
 * @return n, at least 1
 * @par Threads  any
 * @since 0.1
 */
PTK_API int64_t ptk_dataset_size(const ptk_dataset *dataset);

/**
 * Side of a frame, N.
 *
 * @param dataset  NULL gives 0
 * @return N in pixels
 * @par Threads  any
 * @since 0.1
 */
PTK_API int64_t ptk_dataset_side(const ptk_dataset *dataset);

/**
 * Source, size, what the frames hold, lengths of the experiment, range of the positions, what the reader decided,
 * arrays.
 *
 * @param      dataset     the dataset
 * @param[out] buf         JSON object; "arrays" is an array of {"name", "dtype", "shape"}
 * @param      capacity    bytes of @p buf
 * @param[out] needed_out  bytes needed, with the closing NUL
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_BUFFER_TOO_SMALL
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_dataset_describe(const ptk_dataset *dataset, char *buf, size_t capacity, size_t *needed_out);

/**
 * Shape of an array: "patterns" [n, N, N] F32 in the unit of the measurement; "positions" [n, 2] F64, (x, y) in pixels;
 * "probe" [modes, N, N] C64; "object" [H, W] C64; "bad_pixels" [N, N] U8, 1 for a pixel that says nothing.
 *
 * @param      dataset    the dataset
 * @param      name       one of these
 * @param[out] shape_out  elements along each axis
 * @param      capacity   numbers that fit into @p shape_out; PTK_MAX_NDIM is always enough
 * @param[out] ndim_out   axes
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_NOT_FOUND for another name, or an array that the dataset
 *         does not have; PTK_ERR_BUFFER_TOO_SMALL
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_dataset_shape(const ptk_dataset *dataset, const char *name, int64_t *shape_out, int32_t capacity,
                           int32_t *ndim_out);

/**
 * Copy an array out, converted to the element type of the view (real to real, complex to complex).
 *
 * @param      dataset    the dataset
 * @param      name       as for ptk_dataset_shape()
 * @param[out] array_out  a view of the shape that ptk_dataset_shape() gives
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_NOT_FOUND; PTK_ERR_SHAPE; PTK_ERR_IO
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_dataset_read(const ptk_dataset *dataset, const char *name, ptk_view *array_out);

/**
 * Copy some patterns out, from frame @p first on.
 *
 * @param      dataset       the dataset
 * @param      first         index of the first frame, from 0
 * @param[out] patterns_out  [k, N, N] real
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL, or frames that are not there; PTK_ERR_SHAPE; PTK_ERR_IO
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_dataset_read_patterns(const ptk_dataset *dataset, int64_t first, ptk_view *patterns_out);

PTK_END_DECLS

#endif
