/* Tries to get at what it was not given. Prints what succeeded, and for what was refused why. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void tell(const char *what, int result)
{
    int reason = errno;
    printf("%s: %s\n", what, result >= 0 ? "DONE" : strerror(reason));
}

/* How many entries a folder has beside "." and "..". */
static void count(const char *what, const char *path)
{
    DIR *folder = opendir(path);
    int entries = 0;
    if (folder == NULL) {
        tell(what, -1);
        return;
    }
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        entries += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    printf("%s: %d entries\n", what, entries);
    closedir(folder);
}

static const char *in(const char *folder, const char *name)
{
    static char paths[2][1024];
    static int next;
    char *path = paths[next++ % 2];
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    const char *folder = argv[1];
    tell("open /etc/passwd", open("/etc/passwd", O_RDONLY));
    tell("open etc/passwd", open("etc/passwd", O_RDONLY));
    tell("open ../etc/passwd", open("../etc/passwd", O_RDONLY));
    tell("open /tmp/../etc/passwd", open("/tmp/../etc/passwd", O_RDONLY));
    count("list /", "/");
    count("list .", ".");
    count("list /etc", "/etc");
    count("list /tmp", "/tmp");
    tell("open ..", open(in(folder, "../secret.txt"), O_RDONLY));
    tell("open sub/../..", open(in(folder, "sub/../../secret.txt"), O_RDONLY));
    tell("open through a link", open(in(folder, "out/secret.txt"), O_RDONLY));
    tell("open a link", open(in(folder, "secret-link"), O_RDONLY));
    tell("open an absolute link", open(in(folder, "passwd-link"), O_RDONLY));
    tell("open a loop", open(in(folder, "loop"), O_RDONLY));
    tell("open a pipe", open(in(folder, "fifo"), O_RDONLY));
    tell("open for writing", open(in(folder, "hello.txt"), O_WRONLY));
    tell("open for both", open(in(folder, "hello.txt"), O_RDWR));
    tell("open for appending", open(in(folder, "hello.txt"), O_WRONLY | O_APPEND));
    tell("open and cut", open(in(folder, "hello.txt"), O_RDONLY | O_TRUNC));
    tell("create", open(in(folder, "new.txt"), O_WRONLY | O_CREAT, 0644));
    tell("mkdir", mkdir(in(folder, "new"), 0755));
    tell("rmdir", rmdir(in(folder, "sub")));
    tell("unlink", unlink(in(folder, "hello.txt")));
    tell("rename", rename(in(folder, "hello.txt"), in(folder, "other.txt")));
    tell("link", link(in(folder, "hello.txt"), in(folder, "other.txt")));
    tell("symlink", symlink("hello.txt", in(folder, "other.txt")));
    tell("symlink in memory", symlink("hello.txt", "/tmp/link"));
    tell("symlink out of memory", symlink("/etc/passwd", "link"));
    tell("set times", utimensat(AT_FDCWD, in(folder, "hello.txt"), NULL, 0));
    tell("shutdown of a socket", shutdown(1, SHUT_RDWR));
    char byte;
    tell("receive", (int)recv(0, &byte, 1, 0));
    tell("send", (int)send(1, "x", 1, 0));
    return 0;
}
