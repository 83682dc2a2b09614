package org.ptychokit;

import org.ptychokit.lib.ptk_dtype_code;

/** Element types of arrays. Java's bytes, shorts, ints and longs carry the bits of the unsigned ones. */
public enum DType {
    U8(ptk_dtype_code.PTK_U8, 1), U16(ptk_dtype_code.PTK_U16, 2), U32(ptk_dtype_code.PTK_U32, 4), U64(ptk_dtype_code.PTK_U64, 8),
    I8(ptk_dtype_code.PTK_I8, 1), I16(ptk_dtype_code.PTK_I16, 2), I32(ptk_dtype_code.PTK_I32, 4), I64(ptk_dtype_code.PTK_I64, 8),
    BOOL(ptk_dtype_code.PTK_BOOL, 1), F32(ptk_dtype_code.PTK_F32, 4), F64(ptk_dtype_code.PTK_F64, 8),
    /** Pairs of float: real, imaginary. */
    C64(ptk_dtype_code.PTK_C64, 8),
    /** Pairs of double: real, imaginary. */
    C128(ptk_dtype_code.PTK_C128, 16);

    final int code;
    final int bytes;

    DType(int code, int bytes) {
        this.code = code;
        this.bytes = bytes;
    }
}
