/** @file ptychokit/base.h  Export macros, fixed types, version, status and errors. */
#ifndef PTK_BASE_H
#define PTK_BASE_H

#include <stddef.h>
#include <stdint.h>

#if defined(SWIG)
#define PTK_API
#define PTK_NODISCARD
#elif defined(_WIN32)
#ifdef PTK_BUILD
#define PTK_API __declspec(dllexport)
#else
#define PTK_API __declspec(dllimport)
#endif
#define PTK_NODISCARD
#elif defined(__GNUC__)
#define PTK_API __attribute__((visibility("default")))
#define PTK_NODISCARD __attribute__((warn_unused_result))
#else
#define PTK_API
#define PTK_NODISCARD
#endif

#ifdef __cplusplus
#define PTK_BEGIN_DECLS extern "C" {
#define PTK_END_DECLS }
#else
#define PTK_BEGIN_DECLS
#define PTK_END_DECLS
#endif

/** Starts the declaration of a call that can fail. Every ptk_status must be looked at. */
#define PTK_CALL PTK_API PTK_NODISCARD ptk_status

#define PTK_VERSION_MAJOR 0 /**< of the header; ptk_version() tells that of the library */
#define PTK_VERSION_MINOR 1
#define PTK_VERSION_PATCH 0

PTK_BEGIN_DECLS

/** What came of a call that can fail: one of enum ptk_status_code. */
typedef int32_t ptk_status;

/** Values are explicit and never change; new ones come at the end. */
enum ptk_status_code {
    PTK_OK = 0,
    PTK_ERR_INTERNAL = 1,         /**< a bug in this library */
    PTK_ERR_INVALID_ARGUMENT = 2, /**< NULL, or a value that no call could accept */
    PTK_ERR_INVALID_CONFIG = 3,   /**< unknown key, wrong type, out of range */
    PTK_ERR_SHAPE = 4,            /**< shapes, strides or element types do not agree */
    PTK_ERR_NOT_FOUND = 5,        /**< no array, generator or option of that name */
    PTK_ERR_EXISTS = 6,           /**< the name is taken */
    PTK_ERR_BUFFER_TOO_SMALL = 7, /**< the needed size was written */
    PTK_ERR_OUT_OF_MEMORY = 8,    /**< of the host or of the device */
    PTK_ERR_IO = 9,               /**< a file cannot be read or written */
    PTK_ERR_FORMAT = 10,          /**< a file is damaged, of a newer version, or of another kind */
    PTK_ERR_DEVICE = 11,          /**< a device is missing, busy or failed */
    PTK_ERR_UNSUPPORTED = 12,     /**< valid, but not in this build */
    PTK_ERR_STATE = 13,           /**< the call is not allowed in this state of the handle */
    PTK_ERR_NOT_CONVERGED = 14,   /**< the loss became NaN or infinite */
    PTK_ERR_CANCELLED = 15,       /**< a cancel handle or a callback asked to stop */
    PTK_ERR_CALLBACK = 16         /**< a callback failed; see ptk_set_error_message() */
};

/** Element type of an array: one of enum ptk_dtype_code. */
typedef int32_t ptk_dtype;

/** Values are explicit and never change. */
enum ptk_dtype_code {
    PTK_U8 = 1,
    PTK_U16 = 2,
    PTK_I32 = 3,
    PTK_I64 = 4,
    PTK_I8 = 5,
    PTK_I16 = 6,
    PTK_U32 = 7,
    PTK_U64 = 8,
    PTK_BOOL = 9, /**< one byte, 0 or 1 */
    PTK_F32 = 10,
    PTK_F64 = 11,
    PTK_C64 = 20, /**< two F32: real, imaginary */
    PTK_C128 = 21 /**< two F64: real, imaginary */
};

/**
 * Version of the library that is loaded, not of the header.
 *
 * @param[out] major_out  may be NULL
 * @param[out] minor_out  may be NULL
 * @param[out] patch_out  may be NULL
 * @par Threads  any
 * @since 0.1
 */
PTK_API void ptk_version(int32_t *major_out, int32_t *minor_out, int32_t *patch_out);

/**
 * What this library was built from and with.
 *
 * @return JSON object: version, compiler, libtorch, hdf5 and their versions. Static; never NULL.
 * @par Threads  any
 * @since 0.1
 */
PTK_API const char *ptk_build_info(void);

/**
 * Name of a status.
 *
 * @param code  any value
 * @return e.g. "PTK_ERR_SHAPE", or "unknown status". Static; never NULL.
 * @par Threads  any
 * @since 0.1
 */
PTK_API const char *ptk_status_name(enum ptk_status_code code);

/**
 * Size of an element.
 *
 * @param code  any value
 * @return bytes; 0 for a value that is not an element type
 * @par Threads  any
 * @since 0.1
 */
PTK_API size_t ptk_dtype_size(enum ptk_dtype_code code);

/**
 * Status of the last call that failed on the calling thread.
 *
 * @return PTK_OK when none has failed yet
 * @par Threads  any; each thread has its own
 * @since 0.1
 */
PTK_API ptk_status ptk_last_error(void);

/**
 * Message of the last call that failed on the calling thread.
 * Calls that succeed leave it as it is, so look at the returned status first.
 *
 * @return UTF-8 text of one or more lines, valid until the next failure on this thread; "" when none has failed yet;
 *         never NULL
 * @par Threads  any; each thread has its own
 * @since 0.1
 */
PTK_API const char *ptk_last_error_message(void);

/**
 * For callbacks that are about to return a failure: what the interrupted call reports.
 * A progress callback that calls this and then returns non-zero makes its call fail with PTK_ERR_CALLBACK and this
 * message, instead of PTK_ERR_CANCELLED.
 *
 * @param message  copied, at most 1023 bytes; NULL is ""
 * @par Threads  any; takes effect on the calling thread
 * @since 0.1
 */
PTK_API void ptk_set_error_message(const char *message);

PTK_END_DECLS

#endif
