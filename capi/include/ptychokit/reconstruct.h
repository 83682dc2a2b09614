/** @file ptychokit/reconstruct.h  From frames to the object: prediction, stitching, refinement; the canvas that holds
 * it. */
#ifndef PTK_RECONSTRUCT_H
#define PTK_RECONSTRUCT_H

#include <ptychokit/dataset.h>
#include <ptychokit/model.h>

PTK_BEGIN_DECLS

/** Reconstructs objects. One for each thread; the model may be shared. */
typedef struct ptk_reconstructor ptk_reconstructor;
/** An object with its probe, coverage, positions and errors. */
typedef struct ptk_canvas ptk_canvas;

/**
 * Create a reconstructor.
 *
 * @param[out] out     release with ptk_reconstructor_free(). NULL on failure.
 * @param      ctx     gives log and general settings
 * @param      model   made from @p ctx, kept alive, read only; NULL to refine only
 * @param      config  the reconstruction.* and refinement.* options; NULL for those that the model was made with, or
 * defaults
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL, or a model of another context; PTK_ERR_INVALID_CONFIG
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_reconstructor_create(ptk_reconstructor **out, const ptk_context *ctx, const ptk_model *model,
                                  const ptk_config *config);

/**
 * Release a reconstructor.
 *
 * @param reconstructor  NULL is ignored
 * @par Threads  one
 * @since 0.1
 */
PTK_API void ptk_reconstructor_free(ptk_reconstructor *reconstructor);

/**
 * Patches of single frames, without stitching.
 *
 * @param      reconstructor  made with a model
 * @param      patterns       [B, G, N, N] real, groups of G frames; or [B, N, N] for models that see one frame at a
 * time. What the numbers are says data.measurement; "auto" takes whole-number types as counts and others as amplitudes.
 * @param      positions      [B, G, 2] or [B, 2] real, (x, y) in pixels: their fractions shift the probe, as in a scan;
 * NULL for whole pixels
 * @param[out] patches_out    complex, of the shape of @p patterns: the object's transmission around each position
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_SHAPE; PTK_ERR_STATE without a model, or without a probe
 *         for a model that needs one; PTK_ERR_OUT_OF_MEMORY
 * @par Threads  one at a time for @p reconstructor, and not while its model is trained
 * @since 0.1
 */
PTK_CALL ptk_reconstructor_predict(ptk_reconstructor *reconstructor, const ptk_view *patterns,
                                   const ptk_view *positions, ptk_view *patches_out);

/**
 * Reconstruct a scan with the model: predict in batches, stitch. Memory is bounded by reconstruction.batch_size and the
 * object.
 *
 * @param[out] out            the object; release with ptk_canvas_free(). NULL on failure.
 * @param      reconstructor  made with a model
 * @param      dataset        frames of the model's side
 * @param      cancel         may be NULL
 * @param      progress       called after each batch; may be NULL
 * @param      user_data      handed to @p progress
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_SHAPE; PTK_ERR_STATE without a model, or without a probe
 *         for a model that needs one; PTK_ERR_CANCELLED; PTK_ERR_CALLBACK; PTK_ERR_IO; PTK_ERR_OUT_OF_MEMORY
 * @par Threads  one at a time for @p reconstructor, and not while its model is trained
 * @since 0.1
 */
PTK_CALL ptk_reconstructor_reconstruct(ptk_canvas **out, ptk_reconstructor *reconstructor, const ptk_dataset *dataset,
                                       const ptk_cancel *cancel, ptk_progress_fn progress, void *user_data);

/**
 * Iterate object and probe on the frames (rPIE or ePIE; the refinement.* options), from a picture or from a flat
 * object.
 *
 * @param[out] out            the refined object with its error curves; release with ptk_canvas_free(). NULL on failure.
 * @param      reconstructor  with or without a model
 * @param      dataset        the frames that @p start was made of
 * @param      start          e.g. of ptk_reconstructor_reconstruct(), read only; NULL for a flat object and the
 * dataset's probe
 * @param      cancel         may be NULL
 * @param      progress       called after each epoch at least; may be NULL
 * @param      user_data      handed to @p progress
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_SHAPE; PTK_ERR_STATE without a probe;
 *         PTK_ERR_NOT_CONVERGED; PTK_ERR_CANCELLED; PTK_ERR_CALLBACK; PTK_ERR_IO; PTK_ERR_OUT_OF_MEMORY
 * @par Threads  one at a time for @p reconstructor
 * @since 0.1
 */
PTK_CALL ptk_reconstructor_refine(ptk_canvas **out, ptk_reconstructor *reconstructor, const ptk_dataset *dataset,
                                  const ptk_canvas *start, const ptk_cancel *cancel, ptk_progress_fn progress,
                                  void *user_data);

/**
 * Intensities that patches of an object would give: I(q) = sum over modes of |FFT2(probe * patch)|^2, orthonormal, zero
 * frequency at N/2.
 *
 * @param      ctx             gives the device
 * @param      patches         [n, N, N] complex, transmission of the object around each position
 * @param      probe           [N, N] or [modes, N, N] complex, sqrt(counts)
 * @param[out] intensity_out   [n, N, N] real, counts
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_SHAPE; PTK_ERR_OUT_OF_MEMORY
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_forward(const ptk_context *ctx, const ptk_view *patches, const ptk_view *probe, ptk_view *intensity_out);

/**
 * An empty canvas of a given frame, to which patches are added. Pixel (row r, column c) is at (x, y) = (origin_x + c,
 * origin_y + r).
 *
 * @param[out] out       release with ptk_canvas_free(). NULL on failure.
 * @param      ctx       gives log and general settings
 * @param      height    rows, 1 to 2^20
 * @param      width     columns, 1 to 2^20
 * @param      origin_x  x of the first column
 * @param      origin_y  y of the first row
 * @param      config    reconstruction.fill and reconstruction.coverage; NULL for defaults
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_SHAPE for a size that cannot be; PTK_ERR_INVALID_CONFIG;
 *         PTK_ERR_OUT_OF_MEMORY
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_canvas_create(ptk_canvas **out, const ptk_context *ctx, int64_t height, int64_t width, int64_t origin_x,
                           int64_t origin_y, const ptk_config *config);

/**
 * An empty canvas that holds all patches at given positions.
 *
 * @param[out] out        release with ptk_canvas_free(). NULL on failure.
 * @param      ctx        gives log and general settings
 * @param      positions  [n, 2] real, (x, y) in pixels
 * @param      side       side N of the patches
 * @param      config     as for ptk_canvas_create()
 * @return as ptk_canvas_create()
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_canvas_create_around(ptk_canvas **out, const ptk_context *ctx, const ptk_view *positions, int64_t side,
                                  const ptk_config *config);

/**
 * Add patches at sub-pixel positions as weighted sums. Patches that do not fit are left out and counted.
 *
 * @param canvas     of ptk_canvas_create() or ptk_canvas_create_around()
 * @param patches    [k, n, n] complex
 * @param positions  [k, 2] real, (x, y) of the patch centres in pixels
 * @param weights    [n, n] or [k, n, n] real, >= 0, e.g. the probe's intensity; NULL for ones
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_SHAPE; PTK_ERR_STATE for a canvas that is finished
 *         (reconstructed, refined or loaded)
 * @par Threads  one at a time for @p canvas
 * @since 0.1
 */
PTK_CALL ptk_canvas_add(ptk_canvas *canvas, const ptk_view *patches, const ptk_view *positions,
                        const ptk_view *weights);

/**
 * Load a canvas.
 *
 * @param[out] out   release with ptk_canvas_free(). NULL on failure.
 * @param      ctx   gives log and general settings
 * @param      path  file written by ptk_canvas_save()
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_IO; PTK_ERR_FORMAT
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_canvas_load(ptk_canvas **out, const ptk_context *ctx, const char *path);

/**
 * Save a canvas as one HDF5 file: object, coverage, probe, positions, errors, with units as attributes. An old file of
 * that name stays until the new one is complete.
 *
 * @param canvas  read only
 * @param path    the file, by custom ending in .h5
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_IO
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_canvas_save(const ptk_canvas *canvas, const char *path);

/**
 * Release a canvas.
 *
 * @param canvas  NULL is ignored
 * @par Threads  one
 * @since 0.1
 */
PTK_API void ptk_canvas_free(ptk_canvas *canvas);

/**
 * Size, origin, pixel size, patches left out, error curves, arrays.
 *
 * @param      canvas      the canvas
 * @param[out] buf         JSON object; "arrays" is an array of {"name", "dtype", "shape"}
 * @param      capacity    bytes of @p buf
 * @param[out] needed_out  bytes needed, with the closing NUL
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_BUFFER_TOO_SMALL
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_canvas_describe(const ptk_canvas *canvas, char *buf, size_t capacity, size_t *needed_out);

/**
 * Shape of an array: "object" [H, W] C64; "coverage" [H, W] F32, sum of weights; "probe" [modes, N, N] C64; "positions"
 * [n, 2] F64, as used; "fourier_errors" and "held_out_fourier_errors" [epochs] F64 of a refinement.
 *
 * @param      canvas     the canvas
 * @param      name       one of these
 * @param[out] shape_out  elements along each axis
 * @param      capacity   numbers that fit into @p shape_out; PTK_MAX_NDIM is always enough
 * @param[out] ndim_out   axes
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_NOT_FOUND for another name, or an array that the canvas
 *         does not have; PTK_ERR_BUFFER_TOO_SMALL
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_canvas_shape(const ptk_canvas *canvas, const char *name, int64_t *shape_out, int32_t capacity,
                          int32_t *ndim_out);

/**
 * Copy an array out, converted to the element type of the view (real to real, complex to complex).
 *
 * @param      canvas     the canvas
 * @param      name       as for ptk_canvas_shape()
 * @param[out] array_out  a view of the shape that ptk_canvas_shape() gives
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_NOT_FOUND; PTK_ERR_SHAPE
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_canvas_read(const ptk_canvas *canvas, const char *name, ptk_view *array_out);

/**
 * Draw something of a canvas as an 8-bit PNG. The range of "amplitude" and "phase" is that of the pixels with a tenth of
 * the largest weight or more; the rim of a scan is mostly noise.
 *
 * @param canvas   the canvas
 * @param picture  "amplitude", "phase", "coverage", "probe" or "errors" (Fourier errors over epochs)
 * @param path     the file; an old one of that name stays until the new one is complete
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_NOT_FOUND for another picture; PTK_ERR_STATE when the
 *         canvas has nothing to draw there; PTK_ERR_IO
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_canvas_write_picture(const ptk_canvas *canvas, const char *picture, const char *path);

PTK_END_DECLS

#endif
