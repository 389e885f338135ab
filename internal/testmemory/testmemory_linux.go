package testmemory

import "syscall"

const (
	folder = "/dev/shm"
	tmpfs  = 0x01021994
)

func room() bool {
	var fs syscall.Statfs_t
	return syscall.Statfs(folder, &fs) == nil && int64(fs.Type) == tmpfs && fs.Bavail*uint64(fs.Bsize) >= enough
}
