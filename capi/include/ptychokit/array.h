/** @file ptychokit/array.h  Strided arrays that the caller owns. */
#ifndef PTK_ARRAY_H
#define PTK_ARRAY_H

#include <ptychokit/base.h>

#define PTK_MAX_NDIM 6 /**< most axes of a view */

PTK_BEGIN_DECLS

/** Where memory is: one of enum ptk_device_kind. */
typedef int32_t ptk_device_type;

/** Values are those of DLPack. */
enum ptk_device_kind {
    PTK_DEVICE_CPU = 1,
    PTK_DEVICE_CUDA = 2,
    PTK_DEVICE_CUDA_PINNED = 3 /**< host memory that CUDA knows */
};

/**
 * A view of an array that the caller owns. This layout never changes.
 *
 * Strides count elements, not bytes, and are not negative (an axis may have stride 0 in arrays that are read). The
 * library reads or writes the memory during the call only and keeps no pointer. A view of an output must not overlap
 * itself.
 */
typedef struct ptk_view {
    void *data;                    /**< first element, aligned to its type */
    ptk_dtype dtype;               /**< enum ptk_dtype_code */
    int32_t ndim;                  /**< axes, 0 to PTK_MAX_NDIM */
    ptk_device_type device_type;   /**< enum ptk_device_kind */
    int32_t device_id;             /**< number of the CUDA device; 0 otherwise */
    int64_t shape[PTK_MAX_NDIM];   /**< elements along each axis, at least 1 */
    int64_t strides[PTK_MAX_NDIM]; /**< elements from one index to the next */
} ptk_view;

/**
 * Fill a view of a C-contiguous array in host memory.
 *
 * @param[out] out    the view; zeroed on failure
 * @param      data   first element
 * @param      dtype  enum ptk_dtype_code
 * @param      ndim   axes, 0 to PTK_MAX_NDIM
 * @param      shape  @p ndim numbers, each at least 1; may be NULL when @p ndim is 0
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_SHAPE for an element type, number of axes or size that
 *         cannot be
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_view_init(ptk_view *out, void *data, ptk_dtype dtype, int32_t ndim, const int64_t *shape);

struct DLManagedTensorVersioned;

/**
 * Fill a view of a DLPack tensor (version 1). The tensor stays the caller's, who must keep it while the view is used
 * and call its deleter afterwards.
 *
 * @param[out] out     the view; zeroed on failure
 * @param      tensor  as DLPack 1.x defines it
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_UNSUPPORTED for another major version of DLPack, device or
 *         element type; PTK_ERR_SHAPE for a shape or strides that cannot be
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_view_from_dlpack(ptk_view *out, const struct DLManagedTensorVersioned *tensor);

PTK_END_DECLS

#endif
