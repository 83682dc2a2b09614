import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import org.junit.Test;
import org.ptychokit.Context;
import org.ptychokit.DType;
import org.ptychokit.Dataset;
import org.ptychokit.NativeArray;
import org.ptychokit.lib.ptk_status_code;

/** Arrays of the caller go in and come out in place; what cannot be is refused. */
public class ArraysTest {
    private static final int N = Experiment.N;
    private static final int COUNT = Experiment.COUNT;
    private final Context context = new Context("cpu");
    private final NativeArray frames = context.forward(Experiment.patches(), Experiment.probeArray());

    private Dataset dataset(NativeArray patterns, NativeArray positions, NativeArray probe, NativeArray object) {
        return Dataset.of(context, patterns, positions, probe, object, Experiment.quick());
    }

    private static ByteBuffer direct(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    }

    @Test
    public void goInAndComeBack() {
        Dataset dataset = dataset(frames, Experiment.positions(), Experiment.probeArray(), Experiment.objectArray());
        assertEquals(COUNT, dataset.size());
        assertEquals(N, dataset.side());
        assertArrayEquals(new long[] {COUNT, 2}, dataset.shape("positions"));
        assertArrayEquals(Experiment.POSITIONS, dataset.array("positions", DType.F64).toDoubles(), 0);
        assertArrayEquals(frames.toFloats(), dataset.array("patterns", DType.F32).toFloats(), 0);
        assertArrayEquals(Experiment.OBJECT, dataset.array("object", DType.C64).toFloats(), 0);
        assertArrayEquals(Arrays.copyOfRange(frames.toFloats(), N * N, 4 * N * N), dataset.frames(1, 3).toFloats(), 0);
        assertEquals(18, dataset.select(0, 0.5, 0, 1).size());
        assertTrue(dataset.describe().contains("\"patterns\""));
    }

    @Test
    public void areWrittenInPlace() {
        Dataset dataset = dataset(frames, Experiment.positions(), Experiment.probeArray(), null);
        ByteBuffer room = direct(8 + 16 * COUNT);
        room.position(8);
        NativeArray positions = NativeArray.of(room, DType.F64, COUNT, 2);
        assertSame(positions, dataset.read("positions", positions));
        assertEquals("before the buffer's position nothing is written", 0, room.getDouble(0), 0);
        assertEquals(Experiment.POSITIONS[0], room.getDouble(8), 0);
        assertEquals(Experiment.POSITIONS[1], room.getDouble(16), 0);

        ByteBuffer pixels = direct(8 * N * N);
        dataset.frames(7, NativeArray.of(pixels, DType.F64, 1, N, N));
        assertEquals(frames.floats().get(7 * N * N + 5), pixels.getDouble(8 * 5), 0);
        ByteBuffer counts = direct(4 * COUNT * N * N);
        context.forward(Experiment.patches(), Experiment.probeArray(), NativeArray.of(counts, DType.F32, COUNT, N, N));
        assertEquals(frames.floats(), counts.asFloatBuffer());
    }

    @Test
    public void areReadWhereTheyAre() {
        ByteBuffer room = direct(4 * COUNT * N * N);
        NativeArray given = NativeArray.of(room, DType.F32, COUNT, N, N);
        room.asFloatBuffer().put(frames.floats());
        assertArrayEquals("written after the array was described", frames.toFloats(),
            dataset(given, Experiment.positions(), null, null).array("patterns", DType.F32).toFloats(), 0);
    }

    @Test
    public void mayHoldWholeNumbers() {
        NativeArray counts = NativeArray.allocate(DType.U16, COUNT, N, N);
        for (int i = 0; i < COUNT * N * N; ++i) {
            counts.bytes().putShort(2 * i, (short) frames.floats().get(i));
        }
        assertTrue(dataset(counts, Experiment.positions(), null, null).describe().contains("counts"));
    }

    @Test
    public void thatAreNoneAreRefused() {
        ByteBuffer room = direct(16 * COUNT);
        Experiment.refuses(IllegalArgumentException.class, "direct", () -> NativeArray.of(ByteBuffer.allocate(64), DType.F32, 4, 4));
        Experiment.refuses(IllegalArgumentException.class, "takes 6 numbers, found 5", () -> NativeArray.of(new float[5], 2, 3));
        Experiment.refuses(IllegalArgumentException.class, "order",
            () -> NativeArray.of(ByteBuffer.allocateDirect(64).order(ByteOrder.BIG_ENDIAN), DType.F32, 4, 4));
        Experiment.refuses(IllegalArgumentException.class, "fit", () -> NativeArray.of(room, DType.F64, 1000, 1000));
        Experiment.refuses(IllegalArgumentException.class, "fit", () -> NativeArray.of(room, DType.U8, 1, 1, 1, 1, 1, 1, 1));
        Experiment.refuses(IllegalArgumentException.class, "fit", () -> NativeArray.of(room, DType.U8, -1, 4));
        Experiment.refuses(IllegalStateException.class, "F64", () -> Experiment.positions().toFloats());
    }

    @Test
    public void thatAreReadOnlyAreNotWritten() {
        Dataset dataset = dataset(frames, Experiment.positions(), Experiment.probeArray(), null);
        ByteBuffer room = direct(4 * COUNT * N * N);
        NativeArray positions = NativeArray.of(room.asReadOnlyBuffer().order(ByteOrder.nativeOrder()), DType.F64, COUNT, 2);
        NativeArray pixels = NativeArray.of(room.asReadOnlyBuffer().order(ByteOrder.nativeOrder()), DType.F32, COUNT, N, N);
        Experiment.refuses(IllegalArgumentException.class, "read-only", () -> dataset.read("positions", positions));
        Experiment.refuses(IllegalArgumentException.class, "read-only", () -> dataset.frames(0, pixels));
        Experiment.refuses(IllegalArgumentException.class, "read-only",
            () -> context.forward(Experiment.patches(), Experiment.probeArray(), pixels));
        while (room.hasRemaining()) {
            assertEquals(0, room.get());
        }
    }

    @Test
    public void ofWrongRankOrKindAreRefused() {
        NativeArray positions = Experiment.positions();
        float[] pixels = frames.toFloats();
        for (NativeArray given : List.of(NativeArray.of(Arrays.copyOf(pixels, N * N), N, N), NativeArray.of(pixels, 1, COUNT, N, N),
            NativeArray.of(pixels, COUNT, 2 * N, N / 2), NativeArray.ofComplex(Experiment.PATCHES, COUNT, N, N))) {
            Experiment.fails(ptk_status_code.PTK_ERR_SHAPE, "patterns", () -> dataset(given, positions, null, null));
        }
        for (NativeArray given : List.of(NativeArray.of(new double[COUNT], COUNT), NativeArray.of(new double[3 * COUNT], COUNT, 3),
            NativeArray.of(Experiment.POSITIONS, 1, COUNT, 2), NativeArray.ofComplex(new float[4 * COUNT], COUNT, 2))) {
            Experiment.fails(ptk_status_code.PTK_ERR_SHAPE, "positions", () -> dataset(frames, given, null, null));
        }
        for (NativeArray given : List.of(NativeArray.ofComplex(new float[2 * N], N), NativeArray.of(new float[N * N], N, N))) {
            Experiment.fails(ptk_status_code.PTK_ERR_SHAPE, "probe", () -> dataset(frames, positions, given, null));
        }
        Experiment.fails(ptk_status_code.PTK_ERR_SHAPE, "object",
            () -> dataset(frames, positions, null, NativeArray.of(new float[1600], Experiment.SIDE, Experiment.SIDE)));
        Experiment.fails(ptk_status_code.PTK_ERR_SHAPE, "36", () -> dataset(frames, NativeArray.of(new double[10], 5, 2), null, null));
        pixels[5] = Float.NaN;
        Experiment.fails(ptk_status_code.PTK_ERR_FORMAT, "patterns", () -> dataset(NativeArray.of(pixels, COUNT, N, N), positions, null, null));
    }

    @Test
    public void ofWrongRankOrKindAreNotWritten() {
        Dataset dataset = dataset(frames, Experiment.positions(), Experiment.probeArray(), null);
        Experiment.fails(ptk_status_code.PTK_ERR_SHAPE, "array_out", () -> dataset.read("positions", NativeArray.allocate(DType.F64, 2, 2)));
        Experiment.fails(ptk_status_code.PTK_ERR_SHAPE, "array_out", () -> dataset.read("positions", NativeArray.allocate(DType.F64, 2 * COUNT)));
        Experiment.fails(ptk_status_code.PTK_ERR_SHAPE, "C64", () -> dataset.array("positions", DType.C64));
        Experiment.fails(ptk_status_code.PTK_ERR_NOT_FOUND, "nothing", () -> dataset.array("nothing", DType.F32));
    }
}
