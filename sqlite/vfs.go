package sqlite

import (
	"encoding/binary"
	"errors"
	"net/url"
	"runtime"
	"sync"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
	"zombiezen.com/go/sqlite"
)

// gathering is the name of the file system by which the writer opens its files: that of the
// system, but for the write-ahead log, whose frames are written many at a time (gatherer).
const gathering = "bellhop-gathering"

var registerGathering = sync.OnceValue(func() error {
	return registerVFS(gathering, func(_ string, flags int32, f *systemFile) vfsFile {
		if flags&lib.SQLITE_OPEN_WAL == 0 {
			return nil
		}
		return &gatherer{vfsFile: f}
	})
})

// openGathering opens a connection by a file system whose commits write the log at once.
func openGathering(path, vfs string) (*sqlite.Conn, error) {
	if err := registerGathering(); err != nil {
		return nil, err
	}
	uri := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: url.Values{"vfs": {vfs}}.Encode()}
	return sqlite.OpenConn(uri.String(), sqlite.OpenReadWrite, sqlite.OpenURI)
}

// gatherer gathers the frames of a transaction, which SQLite writes in two pieces each, a
// header of 24 bytes and a page, and writes them out at once: the system calls were half of
// what a commit cost.
//
// SQLite (wal.c, walFrames) appends the frames of a transaction, the last of them with the
// size of the database in its header, and publishes them in the log's index after that. So
// everything is written out with the last frame, by the call that can still fail: the
// transaction is rolled back then. A large transaction also appends frames before its end;
// they are read again by this connection alone, and written out before it reads anything.
// What else SQLite writes (the head of the log, a frame once more, its checksum) goes past
// the buffer, after it.
type gatherer struct {
	vfsFile        // where it writes to
	buf     []byte // ends at end
	end     int64  // where the last write ended; -1 if that is not known
	// paged says that a page is to follow its header, final that it is the last.
	paged, final bool
}

// gatherMost bounds the buffer, in bytes.
const gatherMost = 1 << 20

func (g *gatherer) write(tls *libc.TLS, p []byte, at int64) int32 {
	if at != g.end || !g.paged && len(p) != frameHeader {
		if code := g.settle(tls); code != lib.SQLITE_OK {
			return code
		}
		g.end = -1
		code := g.vfsFile.write(tls, p, at)
		if code == lib.SQLITE_OK {
			g.end = at + int64(len(p))
		}
		return code
	}
	g.buf = append(g.buf, p...)
	g.end += int64(len(p))
	if g.paged = !g.paged; g.paged {
		g.final = binary.BigEndian.Uint32(p[4:]) != 0
		return lib.SQLITE_OK
	}
	if g.final || len(g.buf) >= gatherMost {
		return g.settle(tls)
	}
	return lib.SQLITE_OK
}

// settle writes out what was gathered.
func (g *gatherer) settle(tls *libc.TLS) int32 {
	buf, at := g.buf, g.end-int64(len(g.buf))
	g.buf, g.paged = g.buf[:0], false
	if len(buf) == 0 {
		return lib.SQLITE_OK
	}
	code := g.vfsFile.write(tls, buf, at)
	if code != lib.SQLITE_OK {
		g.end = -1
	}
	return code
}

func (g *gatherer) sync(tls *libc.TLS, flags int32) int32 {
	if code := g.settle(tls); code != lib.SQLITE_OK {
		return code
	}
	return g.vfsFile.sync(tls, flags)
}

func (g *gatherer) truncate(tls *libc.TLS, size int64) int32 {
	if code := g.settle(tls); code != lib.SQLITE_OK {
		return code
	}
	g.end = -1
	return g.vfsFile.truncate(tls, size)
}

// vfsFile is a file whose writing somebody takes part in. Methods answer SQLite's codes.
type vfsFile interface {
	write(tls *libc.TLS, p []byte, at int64) int32
	sync(tls *libc.TLS, flags int32) int32
	truncate(tls *libc.TLS, size int64) int32
	// settle is called before the file is read, measured or closed.
	settle(tls *libc.TLS) int32
}

// systemFile is a file as the file system below has opened it.
type systemFile struct {
	file    uintptr // of SQLite
	methods *lib.Tsqlite3_io_methods
}

// writeMost is how much SQLite's own file system writes at once; it would take a length of
// 128 KiB for 0.
const writeMost = 64 << 10

func (f *systemFile) write(tls *libc.TLS, p []byte, at int64) int32 {
	call := function[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](f.methods.FxWrite)
	for len(p) > 0 {
		n := min(len(p), writeMost)
		if code := call(tls, f.file, uintptr(unsafe.Pointer(&p[0])), int32(n), at); code != lib.SQLITE_OK {
			return code
		}
		runtime.KeepAlive(p)
		p, at = p[n:], at+int64(n)
	}
	return lib.SQLITE_OK
}

func (f *systemFile) sync(tls *libc.TLS, flags int32) int32 {
	return function[func(*libc.TLS, uintptr, int32) int32](f.methods.FxSync)(tls, f.file, flags)
}

func (f *systemFile) truncate(tls *libc.TLS, size int64) int32 {
	return function[func(*libc.TLS, uintptr, int64) int32](f.methods.FxTruncate)(tls, f.file, size)
}

func (f *systemFile) settle(*libc.TLS) int32 { return lib.SQLITE_OK }

// vfss are the registered file systems, and the files that are open through them. SQLite
// knows them by the addresses of its own structures.
var vfss struct {
	mu      sync.RWMutex
	systems map[uintptr]*vfsLayer
	files   map[uintptr]*openFile
	// methods are copies of those of the file systems below, with ours in their place.
	methods map[*lib.Tsqlite3_io_methods]*lib.Tsqlite3_io_methods
}

type vfsLayer struct {
	own   lib.Tsqlite3_vfs
	below *lib.Tsqlite3_vfs
	wrap  func(path string, flags int32, f *systemFile) vfsFile
}

type openFile struct {
	vfsFile
	below *lib.Tsqlite3_io_methods
}

// registerVFS makes a file system known to SQLite for as long as the process lasts: that of
// the system, with what wrap makes of the files that it opens (nil: nothing).
func registerVFS(name string, wrap func(path string, flags int32, f *systemFile) vfsFile) error {
	tls := libc.NewTLS()
	defer tls.Close()
	found := lib.Xsqlite3_vfs_find(tls, 0)
	if found == 0 {
		return errors.New("SQLite knows no file system")
	}
	l := &vfsLayer{below: at[lib.Tsqlite3_vfs](found), wrap: wrap}
	l.own = *l.below
	zName, err := libc.CString(name) // for ever
	if err != nil {
		return err
	}
	l.own.FzName, l.own.FpNext = zName, 0
	l.own.FxOpen = pointer(vfsOpen)
	own := uintptr(unsafe.Pointer(&l.own))
	vfss.mu.Lock()
	if vfss.systems == nil {
		vfss.systems, vfss.files = map[uintptr]*vfsLayer{}, map[uintptr]*openFile{}
		vfss.methods = map[*lib.Tsqlite3_io_methods]*lib.Tsqlite3_io_methods{}
	}
	vfss.systems[own] = l
	vfss.mu.Unlock()
	if code := lib.Xsqlite3_vfs_register(tls, own, 0); code != lib.SQLITE_OK {
		return errors.New("SQLite does not take the file system: " + sqlite.ResultCode(code).String())
	}
	return nil
}

func vfsOpen(tls *libc.TLS, vfs, name, file uintptr, flags int32, outFlags uintptr) int32 {
	vfss.mu.RLock()
	l := vfss.systems[vfs]
	vfss.mu.RUnlock()
	open := function[func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32](l.below.FxOpen)
	code := open(tls, uintptr(unsafe.Pointer(l.below)), name, file, flags, outFlags)
	if code != lib.SQLITE_OK || name == 0 { // a temporary file has no name
		return code
	}
	f := at[lib.Tsqlite3_file](file)
	below := at[lib.Tsqlite3_io_methods](f.FpMethods)
	wrapped := l.wrap(libc.GoString(name), flags, &systemFile{file, below})
	if wrapped == nil {
		return code
	}
	vfss.mu.Lock()
	defer vfss.mu.Unlock()
	own := vfss.methods[below]
	if own == nil {
		own = new(lib.Tsqlite3_io_methods)
		*own = *below
		own.FxClose, own.FxRead, own.FxWrite = pointer(vfsClose), pointer(vfsRead), pointer(vfsWrite)
		own.FxTruncate, own.FxSync, own.FxFileSize = pointer(vfsTruncate), pointer(vfsSync), pointer(vfsFileSize)
		vfss.methods[below] = own
	}
	vfss.files[file] = &openFile{wrapped, below}
	f.FpMethods = uintptr(unsafe.Pointer(own))
	return code
}

func opened(file uintptr) *openFile {
	vfss.mu.RLock()
	defer vfss.mu.RUnlock()
	return vfss.files[file]
}

func vfsClose(tls *libc.TLS, file uintptr) int32 {
	f := opened(file)
	settled := f.settle(tls)
	vfss.mu.Lock()
	delete(vfss.files, file)
	vfss.mu.Unlock()
	code := function[func(*libc.TLS, uintptr) int32](f.below.FxClose)(tls, file)
	if settled != lib.SQLITE_OK {
		return settled
	}
	return code
}

func vfsRead(tls *libc.TLS, file, p uintptr, n int32, offset int64) int32 {
	f := opened(file)
	if code := f.settle(tls); code != lib.SQLITE_OK {
		return code
	}
	return function[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](f.below.FxRead)(tls, file, p, n, offset)
}

func vfsWrite(tls *libc.TLS, file, p uintptr, n int32, offset int64) int32 {
	return opened(file).write(tls, unsafe.Slice(at[byte](p), int(n)), offset)
}

func vfsTruncate(tls *libc.TLS, file uintptr, size int64) int32 {
	return opened(file).truncate(tls, size)
}

func vfsSync(tls *libc.TLS, file uintptr, flags int32) int32 { return opened(file).sync(tls, flags) }

func vfsFileSize(tls *libc.TLS, file, size uintptr) int32 {
	f := opened(file)
	if code := f.settle(tls); code != lib.SQLITE_OK {
		return code
	}
	return function[func(*libc.TLS, uintptr, uintptr) int32](f.below.FxFileSize)(tls, file, size)
}

// at is what lies at an address that SQLite gave.
func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// function is the Go function that an address of SQLite's translation stands for.
func function[F any](address uintptr) F { return *(*F)(unsafe.Pointer(&struct{ uintptr }{address})) }

// pointer is the opposite of function, for one that is not a closure.
func pointer[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&struct{ f F }{f})) }
