"""NumPy's side of tests/npy.rs.

Usage: python3 npy.py make DIRECTORY     writes files of every kind that squall loads, and cases.json about them
       python3 npy.py check DIRECTORY    reads the files that squall saved, as saved.json lists them

Beside NAME.npy stands NAME.raw: its elements in the file's own order as little-endian doubles or 64-bit integers.
"""

import json
import pathlib
import sys

import numpy as np

SHAPES = [(), (0,), (1,), (7,), (3000,), (0, 5), (5, 0), (1, 6), (6, 1), (3, 4), (123, 77), (2, 3, 4), (2, 1, 3, 1, 2)]
DTYPES = ["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]
# NumPy's long doubles are those of the CPU; squall reads x86's.
DTYPES += ["f16"] if np.finfo(np.longdouble).nmant == 63 else []


def extended(rng, size):
    """Long doubles of x86: all exponents, those where doubles begin and end, and significands that are near ties."""
    exponents = np.array([rng.integers(0, 32768, size), rng.integers(16383 - 1080, 16383 - 1015, size),
                          rng.integers(16383 - 1030, 16383 + 1030, size), rng.integers(16383 + 1020, 16383 + 1026, size),
                          rng.choice([0, 1, 16383, 32767], size)])
    exponents = exponents[rng.integers(0, len(exponents), size), np.arange(size)]
    significands = rng.integers(0, 2**63, size, dtype=np.uint64)
    kept = rng.integers(1, 65, size, dtype=np.uint64)
    cut = np.where(rng.integers(0, 2, size), significands, significands >> (64 - kept) << (64 - kept))
    cut += rng.integers(-1, 2, size).astype(np.uint64) * (rng.integers(0, 4, size) == 0).astype(np.uint64)
    # Without the leading bit there are only zero and what is subnormal.
    leading = np.where(exponents == 0, rng.integers(0, 2, size), 1).astype(np.uint64) << np.uint64(63)
    fields = np.dtype([("significand", "<u8"), ("top", "<u2"), ("padding", "V6")])
    elements = np.frombuffer(rng.bytes(size * 16), fields).copy()
    elements["significand"] = (cut & np.uint64(2**63 - 1)) | leading
    elements["top"] = exponents + 32768 * rng.integers(0, 2, size)
    return elements.view("<f16")


def values(rng, dtype, shape):
    """Any bits, so that NaN, infinities and subnormals are among the floats; no u8 beyond the signed range."""
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    size = int(np.prod(shape))
    if dtype.itemsize == 16:
        return extended(rng, size).reshape(shape).astype(dtype)
    words = np.frombuffer(rng.bytes(size * dtype.itemsize), dtype.newbyteorder("<")).reshape(shape)
    if dtype.kind == "u" and dtype.itemsize == 8:
        words = words >> np.uint64(1)
    return words.astype(dtype)


def make(directory):
    seed = int(np.random.SeedSequence().entropy % 2**63)
    print("seed", seed)
    rng = np.random.default_rng(seed)
    cases = []
    for code in DTYPES:
        for order in "<>":
            for shape in SHAPES:
                for fortran in (False, True):
                    for version in ((1, 0), (2, 0), (3, 0)):
                        dtype = np.dtype(order + code)
                        array = np.array(values(rng, dtype, shape), dtype, order="F" if fortran else "C")
                        name = str(len(cases))
                        with open(directory / f"{name}.npy", "wb") as file:
                            np.lib.format.write_array(file, array, version)
                        wide = "<f8" if dtype.kind == "f" else "<i8"
                        raw = array.astype(wide).ravel(order="F" if fortran else "C")
                        (directory / f"{name}.raw").write_bytes(raw.tobytes())
                        both = array.flags.c_contiguous and array.flags.f_contiguous
                        kind = {"b": "bool", "i": "int64", "u": "int64"}.get(dtype.kind)
                        kind = kind or ("float64" if dtype.itemsize >= 8 else "float32")
                        cases.append({"name": name, "descr": dtype.str, "dtype": kind, "shape": shape,
                                      "fortran": fortran and not both})
    (directory / "cases.json").write_text(json.dumps(cases))


def check(directory):
    wrong = 0
    for case in json.loads((directory / "saved.json").read_text()):
        path = directory / f"{case['name']}.npy"
        array = np.load(path)
        mapped = np.lib.format.open_memmap(path, "r") if array.size else array
        raw = np.fromfile(directory / f"{case['name']}.raw", case["wide"]).reshape(case["shape"])
        expected = raw.astype(case["dtype"])
        if array.dtype.kind == "f":
            expected[np.isnan(expected)] = np.nan
        same = (
            array.dtype == np.dtype(case["dtype"])
            and array.shape == tuple(case["shape"])
            and array.tobytes() == expected.tobytes() == mapped.tobytes()
            and path.stat().st_size == 4096 + array.nbytes
        )
        if not same:
            print("differs:", case, array.dtype, array.shape)
            wrong += 1
    sys.exit(wrong > 0)


{"make": make, "check": check}[sys.argv[1]](pathlib.Path(sys.argv[2]))
