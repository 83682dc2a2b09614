/** @file ptychokit/evaluate.h  How good an object is: against a reference, and against the measured frames. */
#ifndef PTK_EVALUATE_H
#define PTK_EVALUATE_H

#include <ptychokit/dataset.h>
#include <ptychokit/reconstruct.h>

PTK_BEGIN_DECLS

/**
 * Compare an object with a known one. What ptychography leaves open (shift, phase ramp, global phase and scale) is
 * removed first; then the scanned area is scored.
 *
 * @param      canvas      the object
 * @param      reference   [H, W] complex, pixel (r, c) at position (x, y) = (c, r), e.g. the dataset's "object"
 * @param      config      NULL for defaults
 * @param[out] buf         JSON object: "complex_nrmse", "amplitude_mae", "phase_mae" (rad), "amplitude_psnr",
 * "phase_psnr" (dB), "amplitude_ssim", "phase_ssim", "frc_half" (fraction of Nyquist at which the Fourier ring
 * correlation falls below 1/2), "shift_x", "shift_y" (pixels), "frc" {"frequency", "correlation"}. Numbers that are not
 * finite are null.
 * @param      capacity    bytes of @p buf
 * @param[out] needed_out  bytes needed, with the closing NUL
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_SHAPE when they have no area in common;
 *         PTK_ERR_INVALID_CONFIG; PTK_ERR_BUFFER_TOO_SMALL
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_evaluate(const ptk_canvas *canvas, const ptk_view *reference, const ptk_config *config, char *buf,
                      size_t capacity, size_t *needed_out);

/**
 * ptk_evaluate() with the reference from a file.
 *
 * @param      canvas      the object
 * @param      path        an NPZ or NPY file with a complex [H, W] array, or a file of ptk_canvas_save()
 * @param      config      NULL for defaults
 * @param[out] buf         JSON object
 * @param      capacity    bytes of @p buf
 * @param[out] needed_out  bytes needed, with the closing NUL
 * @return as ptk_evaluate(), and PTK_ERR_IO, PTK_ERR_FORMAT, PTK_ERR_NOT_FOUND
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_evaluate_file(const ptk_canvas *canvas, const char *path, const ptk_config *config, char *buf,
                           size_t capacity, size_t *needed_out);

/**
 * Relative Fourier error of object and probe against the measured frames: sqrt(sum (sqrt(I) - A)^2 / sum A^2).
 *
 * @param[out] error_out  0 = perfect agreement; NaN on failure
 * @param      canvas     an object with a probe
 * @param      dataset    the frames
 * @param      cancel     may be NULL
 * @param      progress   may be NULL
 * @param      user_data  handed to @p progress
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_SHAPE; PTK_ERR_STATE for a canvas without a probe;
 *         PTK_ERR_CANCELLED; PTK_ERR_CALLBACK; PTK_ERR_IO
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_fourier_error(double *error_out, const ptk_canvas *canvas, const ptk_dataset *dataset,
                           const ptk_cancel *cancel, ptk_progress_fn progress, void *user_data);

PTK_END_DECLS

#endif
