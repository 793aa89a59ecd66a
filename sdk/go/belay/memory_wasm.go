package belay

import "unsafe"

// How the host and the filter hand each other bytes (the component model's canonical ABI).
//
// What the host hands over it puts where cabi_realloc says: into an arena that is empty again when the call is over, so that a
// message costs no allocation. What is big has a slice of its own, which the arena forgets and the collector takes.
//
// While the host is being served memory a component may not leave, and Go's runtime may look at the clock whenever it runs. So
// the adapter that answers it (sdk/wasi-adapter) is held at all times but while the filter itself is at work.

//go:wasmimport wasi_snapshot_preview1 belay_hold
func hold()

//go:wasmimport wasi_snapshot_preview1 belay_release
func release()

//go:wasmimport wasi_snapshot_preview1 belay_lend_line
func lendLine(at unsafe.Pointer, size uint32)

const (
	arenaSize = 16 << 10
	// What is longer has a slice of its own.
	bigSize  = arenaSize / 4
	lineSize = 1 << 10
)

var (
	// Words, so that it is aligned.
	arena     [arenaSize / 8]uint64
	arenaUsed uint32
	big       [][]uint64
	line      [lineSize]byte
)

func init() {
	lendLine(unsafe.Pointer(&line), lineSize)
	hold()
}

//go:wasmexport cabi_realloc
func cabiRealloc(old unsafe.Pointer, oldSize, align, size uint32) unsafe.Pointer {
	block := allocate(align, size)
	if oldSize > 0 {
		copy(unsafe.Slice((*byte)(block), size), unsafe.Slice((*byte)(old), oldSize))
	}
	return block
}

func allocate(align, size uint32) unsafe.Pointer {
	from := (arenaUsed + align - 1) &^ (align - 1)
	if size > bigSize || from+size > arenaSize {
		words := make([]uint64, max(1, (size+7)/8))
		big = append(big, words)
		return unsafe.Pointer(unsafe.SliceData(words))
	}
	arenaUsed = from + size
	return unsafe.Add(unsafe.Pointer(&arena), from)
}

// mark remembers how full the arena is; the result empties it to there, and begins or ends the hold around.
type mark struct {
	used uint32
	big  int
}

func marked() mark { return mark{arenaUsed, len(big)} }

func (m mark) reset() {
	arenaUsed = m.used
	if len(big) > m.big {
		clear(big[m.big:])
		big = big[:m.big]
	}
}

// leave ends a call of the host: what it handed over is not needed any more. What it is given may still lie in the arena, which
// nobody writes to before it has been read.
func leave(given addr) addr {
	mark{}.reset()
	hold()
	return given
}

// addr is an address as the host knows it.
type addr uint32

func addrOf[T any](at *T) addr         { return addr(uintptr(unsafe.Pointer(at))) }
func (a addr) pointer() unsafe.Pointer { return unsafe.Pointer(uintptr(a)) }

// list is a list or a string as it lies in memory.
type list struct {
	at  addr
	len uint32
}

// bytes gives a list of bytes where it lies.
func (l list) bytes() []byte {
	if l.len == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(l.at.pointer()), l.len)
}

// text and copied give what may be kept.
func (l list) text() string   { return string(l.bytes()) }
func (l list) copied() []byte { return append([]byte{}, l.bytes()...) }

func listOfBytes(bytes []byte) list {
	return list{addrOf(unsafe.SliceData(bytes)), uint32(len(bytes))}
}

func listOfText(text string) list {
	return list{addrOf(unsafe.StringData(text)), uint32(len(text))}
}

func listOf[T any](items []T) list {
	return list{addrOf(unsafe.SliceData(items)), uint32(len(items))}
}

func sliceOf[T any](l list) []T {
	if l.len == 0 {
		return nil
	}
	return unsafe.Slice((*T)(l.at.pointer()), l.len)
}
