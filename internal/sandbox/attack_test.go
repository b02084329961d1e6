package sandbox

import (
	"archive/tar"
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// attack is what a repository's code does in one command.
type attack struct {
	// script runs in the directory w; python instead of it where a shell cannot.
	script, python string
	// timeout of the command. Default 20 seconds.
	timeout time.Duration
	// output must be a part of the command's output.
	output string
}

// attacks are against the server, the box, and commands to come. After each the
// pod's box is as good as a new one: see checkBox.
var attacks = map[string]attack{
	"fork bomb":               {script: `f() { f | f & }; f; sleep 1000`, timeout: 3 * time.Second},
	"fork bomb of sessions":   {python: "import os\nwhile True:\n    try:\n        if os.fork() == 0: os.setsid()\n    except OSError: pass\n", timeout: 3 * time.Second},
	"threads":                 {python: "import threading, time\nwhile True:\n    try: threading.Thread(target=time.sleep, args=(1000,)).start()\n    except RuntimeError: pass\n", timeout: 3 * time.Second},
	"double fork":             {python: "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(1000)\n    os._exit(0)\n"},
	"a daemon that is orphan": {script: `(setsid sh -c 'trap "" TERM HUP INT QUIT; while :; do sleep 1000; done' >/dev/null 2>&1 &) ; exit 0`},

	"kills everything":         {script: `kill -KILL -1; kill -TERM -1`},
	"kills the server":         {script: `for s in HUP INT QUIT ILL TRAP ABRT BUS FPE KILL SEGV TERM STKFLT SYS USR1 USR2 PIPE ALRM STOP TSTP XCPU; do kill -$s 1; done; echo done`, output: "done"},
	"kills its keeper":         {script: `kill -KILL $PPID; sleep 1000`},
	"stops its keeper":         {script: `kill -STOP $PPID; exit 0`, timeout: time.Second},
	"traces the server":        {python: tracer, output: "refused"},
	"reads the server":         {script: `cat /proc/1/environ /proc/1/mem; ls /proc/1/fd /proc/1/cwd/ /proc/$PPID/fd; echo done`, output: "Permission denied"},
	"writes what it is called": {script: `echo 0 > /proc/1/oom_score_adj; echo x > /proc/1/comm; echo done`, output: "done"},

	"removes the socket":           {script: `rm SOCKET`},
	"locks the socket":             {script: `chmod 000 SOCKET`},
	"replaces the socket":          {python: "import os, socket\nos.remove('SOCKET')\ns = socket.socket(socket.AF_UNIX)\ns.bind('SOCKET')\ns.listen()\n"},
	"a link for a socket":          {script: `rm SOCKET; ln -s /dev/null SOCKET`},
	"a folder for a socket":        {script: `rm SOCKET; mkdir -p SOCKET/a/b; chmod 000 SOCKET`},
	"speaks to the server":         {python: speaker, output: "refused"},
	"hands on its connection":      {python: handOn, output: "refused"},
	"many connections":             {python: "import socket\nheld = []\ntry:\n    while len(held) < 5000:\n        s = socket.socket(socket.AF_UNIX); s.settimeout(1); s.connect('SOCKET'); held.append(s)\nexcept OSError as e: print(e)\nprint('done')", output: "done"},
	"fills the socket's folder":    {script: `i=0; while [ $i -lt 3000 ]; do : > SOCKET.$i; i=$((i+1)); done`},
	"speaks to another's keeper":   {script: `ls -l /proc/$PPID/fd; echo hello >&3; echo done`, output: "done"},
	"answers for its keeper":       {script: `for fd in 3 4 5 6 7 8 9; do eval "echo '{\"exitCode\":0}' >&$fd"; done; exit 7`},
	"raises its limits":            {script: `ulimit -u unlimited; ulimit -c unlimited; ulimit -f unlimited; echo "$(ulimit -c)"`, output: "0\n"},
	"a namespace of its own":       {script: `unshare --user --map-root-user --mount --pid --fork sh -c 'mount -t tmpfs none /proc; setsid sleep 1000 & sleep 1000 & exit 0'; echo done`, output: "done"},
	"mounts over the workspace":    {script: `mount -t tmpfs none ROOT; mount --bind /etc ROOT/w; umount /proc; echo done`, output: "done"},
	"files that cannot be changed": {script: `touch i && chattr +i i; chattr +a .; echo done`, output: "done"},

	"a locked tree":               {script: `mkdir -p a/b/c/d; touch a/b/c/d/f; chmod 000 a/b/c/d a/b/c a/b a; chmod 000 .`},
	"a locked tree without names": {python: "import os\nos.makedirs(b'a\\xff/b\\xfe/c')\nopen(b'a\\xff/b\\xfe/f\\n\\x80', 'w').close()\nfor d in b'a\\xff/b\\xfe/c', b'a\\xff/b\\xfe', b'a\\xff', b'.': os.chmod(d, 0)\n"},
	"a deep tree":                 {python: "import os\nfor _ in range(5000):\n    os.mkdir('d' * 50)\n    os.chdir('d' * 50)\nopen('f', 'w').close()\n"},
	"a deep tree, locked":         {python: "import os\nfds = []\nfor _ in range(3000):\n    os.mkdir('d')\n    os.chdir('d')\nfor _ in range(3000):\n    os.chdir('..')\n    os.chmod('d', 0)\n"},
	"many files":                  {python: "for i in range(20_000): open('f%d' % i, 'w').close()\n"},
	"many links":                  {python: "import os\nopen('f', 'w').close()\nfor i in range(20_000): os.link('f', 'l%d' % i)\n"},
	"a FIFO for a tree":           {script: `cd ROOT && rm -rf w && mkfifo w`},
	"a link for a tree":           {script: `cd ROOT && mv w moved && ln -s moved w`},
	"a link out for a tree":       {script: `cd ROOT && rm -rf w && ln -s /etc w`},
	"a file for a tree":           {script: `cd ROOT && rm -rf w && touch w && chmod 000 w`},
	"no workspace":                {script: `rm -rf ROOT; mv ROOT ROOT.away; ln -s /etc ROOT; echo done`, output: "done"},
	"a FIFO in a file's place":    {script: `rm kept.py && mkfifo kept.py`},
	"a socket in a file's place":  {python: "import os, socket\nos.remove('kept.py')\nsocket.socket(socket.AF_UNIX).bind('kept.py')\n"},
	"a link in a file's place":    {script: `mv kept.py SCRATCH/ && ln -s SCRATCH/kept.py kept.py`},
	"a hard link in its place":    {script: `cp kept.py SCRATCH/k && ln -f SCRATCH/k kept.py`},
	"a folder in a file's place":  {script: `rm kept.py && mkdir -p kept.py/x`},
	"a file in a folder's place":  {script: `rm -rf pkg && echo x > pkg`},
	"a link in a folder's place":  {script: `mv pkg SCRATCH/ && ln -s SCRATCH/pkg pkg`},
	"another content, same time":  {script: `cp -p kept.py SCRATCH/k; printf 'X' > kept.py; touch -r SCRATCH/k kept.py`},
	"another mode":                {script: `chmod 4777 kept.py; chmod 000 pkg/m.py`},
	"another time":                {script: `touch -d @1 kept.py`},

	"settings above the tree":      {script: `printf '[pytest]\naddopts=-x\n' > ROOT/pytest.ini; touch ROOT/conftest.py ROOT/setup.cfg ROOT/.git; mkdir ROOT/w.tools; touch ROOT/w.tools/json.py`},
	"settings at home":             {script: `mkdir -p "$HOME/.local/lib/python3.11/site-packages" "$HOME/.config/git"; touch "$HOME/.local/lib/python3.11/site-packages/usercustomize.py" "$HOME/.bashrc" "$HOME/.gitconfig" "$HOME/.config/git/config"`},
	"a locked scratch folder":      {script: `mkdir -p "$TMPDIR/a/b"; touch "$TMPDIR/a/b/c"; chmod 000 "$TMPDIR/a/b" "$TMPDIR/a"`},
	"a large file in scratch":      {script: `head -c 50000000 /dev/zero > "$TMPDIR/big"`},
	"a file above the limit":       {script: `truncate -s 9G big; echo "$?"`, output: "153\n"},
	"variables for later commands": {script: `export PATH=/evil LD_PRELOAD=/evil.so BASH_ENV=/evil.sh PYTHONPATH=/evil PYTHONSTARTUP=/evil.py GIT_DIR=/evil PYTEST_ADDOPTS=--evil; env > /dev/null`},

	"endless output":             {script: `yes`, timeout: 2 * time.Second},
	"output of a daemon":         {script: `setsid yes & exit 0`},
	"output without a reader":    {script: `exec 1>&- 2>&-; exit 0`},
	"holds its output open":      {script: `setsid sleep 1000 & exit 0`},
	"ignores SIGTERM, then some": {script: `trap '' TERM INT HUP QUIT; sleep 1000; sleep 1000`, timeout: time.Second},
}

// tracer tries all that the right to trace gives: /proc/1/mem, ptrace,
// process_vm_writev, pidfd_getfd.
const tracer = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def refused(what, got):
    if got >= 0:
        sys.exit(what + " is allowed")
for pid in 1, os.getppid():
    refused("ptrace attach", libc.ptrace(16, pid, 0, 0))
    refused("ptrace seize", libc.ptrace(0x4206, pid, 0, 0))
    pidfd = libc.syscall(434, pid, 0)
    for fd in range(20):
        refused("pidfd_getfd", libc.syscall(438, pidfd, fd, 0))
    try:
        os.open("/proc/%d/mem" % pid, os.O_RDWR)
        sys.exit("memory is open")
    except PermissionError:
        pass
print("refused")
`

// speaker orders a command that would outlive it.
const speaker = `
import json, socket
body = json.dumps({"args": ["sleep", "1000"], "dir": ".", "timeout": 3600 * 10**9})
s = socket.socket(socket.AF_UNIX)
s.connect("SOCKET")
try:
    s.sendall(("POST /v1/run HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)).encode())
    s.settimeout(3)
    print("answer" if s.recv(10) else "refused")
except TimeoutError:
    print("it runs")
except OSError:
    print("refused")
`

// handOn connects in a process that is gone before anybody looks.
const handOn = `
import json, os, socket
body = json.dumps({"args": ["sleep", "1000"], "dir": ".", "timeout": 3600 * 10**9})
ours, theirs = socket.socketpair()
if os.fork() == 0:
    s = socket.socket(socket.AF_UNIX)
    s.connect("SOCKET")
    socket.send_fds(theirs, [b"x"], [s.fileno()])
    os._exit(0)
_, fds, _, _ = socket.recv_fds(ours, 1, 1)
os.wait()
s = socket.socket(fileno=fds[0])
try:
    s.sendall(("POST /v1/run HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)).encode())
    s.settimeout(3)
    print("answer" if s.recv(10) else "refused")
except TimeoutError:
    print("it runs")
except OSError:
    print("refused")
`

// pristine is the tree that every attack gets.
func pristine(t testing.TB) *bytes.Buffer {
	t.Helper()
	return tarOf(t, file("kept.py", ""), file("pkg/m.py", ""), file("pkg/sub/run.sh", "x"), &tar.Header{Typeflag: tar.TypeReg, Name: "large.bin", Size: keepBytes + 1})
}

const pristineListing = `. d 755
kept.py f 644
large.bin f 644
pkg d 755
pkg/m.py f 644
pkg/sub d 755
pkg/sub/run.sh f 755
`

func TestAttacks(t *testing.T) {
	p, ok := startPod(t)
	if !ok {
		return
	}
	server := p.shell(t, "echo $PPID").Output
	for name, a := range attacks {
		t.Run(name, func(t *testing.T) {
			if err := p.PutTree(t.Context(), "w", pristine(t)); err != nil {
				t.Fatal(err)
			}
			result := p.attack(t, a)
			if !strings.Contains(result.Output, a.output) {
				t.Errorf("exit code %d, output %q, want %q in it", result.ExitCode, result.Output, a.output)
			}
			p.checkBox(t)
		})
	}
	if server == "" || strings.Contains(p.log.String(), "panic") {
		t.Error("the server has panicked")
	}
}

func (p pod) attack(t *testing.T, a attack) Result {
	t.Helper()
	place := strings.NewReplacer("SOCKET", p.socket, "ROOT", p.Root(), "SCRATCH", p.scratch)
	command := Command{Args: []string{"sh", "-c", place.Replace(a.script)}, Dir: "w", Timeout: 20 * time.Second, OutputLimit: 4000}
	if a.python != "" {
		command.Args = []string{"python3", "-c", place.Replace(a.python)}
	}
	if a.timeout > 0 {
		command.Timeout = a.timeout
	}
	result, err := p.Run(t.Context(), command)
	if err != nil {
		t.Fatalf("the box fell: %v", err)
	}
	return result
}

// checkBox demands that nothing is left of a command: no process, no change in
// a new tree, no file beside it, and a server that answers on its socket.
func (p pod) checkBox(t *testing.T) {
	t.Helper()
	// A connection of its own, as one that was broken would have.
	p.Close()
	if left := p.shell(t, "ps -eo pid=,args= | grep -v -e 'ps -eo' -e worker -e repoexpert-keeper -e 'sh -c ps' -e grep").Output; left != "" {
		t.Errorf("still running:\n%s", left)
	}
	if err := p.PutTree(t.Context(), "w", pristine(t)); err != nil {
		t.Fatalf("no new tree can be put: %v", err)
	}
	listing := p.shell(t, `cd w && find . -printf '%P %y %m\n' | sed 's/^ /. /' | sort; cat kept.py pkg/m.py; wc -c < large.bin; find . -newermt @0 ! -newermt @1000000000`).Output
	if want := pristineListing + fmt.Sprintf("xx%d\n", keepBytes+1); listing != want {
		t.Errorf("the new tree is\n%s\nwant\n%s", listing, want)
	}
	if beside := p.shell(t, `ls -A; ls -A "$HOME"; env | grep -i evil`).Output; beside != "w\n" {
		t.Errorf("beside the tree: %q", beside)
	}
}
