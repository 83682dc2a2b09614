package org.ptychokit;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import org.ptychokit.lib.ptk_view;

/** An array in C order over a direct buffer, which the library reads and writes in place. */
public final class NativeArray extends Native<ptk_view> {
    private final ByteBuffer data;
    private final DType dtype;
    private final long[] shape;

    private NativeArray(ByteBuffer data, DType dtype, long[] shape) {
        // What waits to be cleaned must not hold the memory, or that is free a collection later only.
        super(new ptk_view(data, dtype.code, shape).withoutBuffer(), ptk_view::delete);
        this.data = data;
        this.dtype = dtype;
        this.shape = shape;
    }

    /** An array of zeros. */
    public static NativeArray allocate(DType dtype, long... shape) {
        long bytes = dtype.bytes;
        for (long length : shape) {
            bytes = Math.multiplyExact(bytes, length);
        }
        return new NativeArray(ByteBuffer.allocateDirect(Math.toIntExact(bytes)).order(ByteOrder.nativeOrder()), dtype, shape.clone());
    }

    /** The caller's memory, from the buffer's position on: direct, in the machine's byte order. */
    public static NativeArray of(ByteBuffer buffer, DType dtype, long... shape) {
        if (!buffer.isDirect()) {
            throw new IllegalArgumentException("expected a direct buffer, found one on the heap");
        }
        if (buffer.order() != ByteOrder.nativeOrder()) {
            throw new IllegalArgumentException("expected byte order " + ByteOrder.nativeOrder() + ", found " + buffer.order());
        }
        return new NativeArray(buffer.slice().order(ByteOrder.nativeOrder()), dtype, shape.clone());
    }

    /** A copy of a Java array as F32. */
    public static NativeArray of(float[] values, long... shape) {
        NativeArray array = allocate(DType.F32, shape);
        fit(values.length, array.floats().capacity());
        array.floats().put(values);
        return array;
    }

    /** A copy of a Java array as F64. */
    public static NativeArray of(double[] values, long... shape) {
        NativeArray array = allocate(DType.F64, shape);
        fit(values.length, array.doubles().capacity());
        array.doubles().put(values);
        return array;
    }

    /** A copy of pairs (real, imaginary) as C64. */
    public static NativeArray ofComplex(float[] pairs, long... shape) {
        NativeArray array = allocate(DType.C64, shape);
        fit(pairs.length, array.floats().capacity());
        array.floats().put(pairs);
        return array;
    }

    private static void fit(int found, int expected) {
        if (found != expected) {
            throw new IllegalArgumentException("the shape takes " + expected + " numbers, found " + found);
        }
    }

    public DType dtype() {
        return dtype;
    }

    public long[] shape() {
        return shape.clone();
    }

    /** The memory itself. */
    public ByteBuffer bytes() {
        ByteBuffer view = data.duplicate().order(ByteOrder.nativeOrder());
        view.clear();
        return view;
    }

    /** The memory as floats: the elements of F32, pairs of C64. */
    public FloatBuffer floats() {
        expect(dtype == DType.F32 || dtype == DType.C64);
        return bytes().asFloatBuffer();
    }

    /** The memory as doubles: the elements of F64, pairs of C128. */
    public DoubleBuffer doubles() {
        expect(dtype == DType.F64 || dtype == DType.C128);
        return bytes().asDoubleBuffer();
    }

    public float[] toFloats() {
        float[] values = new float[floats().capacity()];
        floats().get(values);
        return values;
    }

    public double[] toDoubles() {
        double[] values = new double[doubles().capacity()];
        doubles().get(values);
        return values;
    }

    private void expect(boolean condition) {
        if (!condition) {
            throw new IllegalStateException("an array of " + dtype);
        }
    }

    /** For calls that write: a read-only buffer would not stop them. */
    NativeArray writable() {
        if (data.isReadOnly()) {
            throw new IllegalArgumentException("expected an array to write to, found a read-only buffer");
        }
        return this;
    }
}
