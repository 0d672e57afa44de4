package target_test

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atender/atender/models/target"
)

// inside are addresses no webhook may reach by default. The list is our own, so that a new version of the library
// under DialControl cannot widen what is let through without this test failing.
var inside = []string{
	// IPv4, the first and last address of each block.
	"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1",
	"127.255.255.255", "169.254.0.1", "172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.255", "192.0.2.1",
	"198.51.100.1", "203.0.113.255", "192.88.99.1", "192.168.0.0", "192.168.255.255", "198.18.0.0", "198.19.255.255",
	"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
	// Metadata services: AWS, GCP, Azure and others; ECS; EKS; Alibaba; Oracle; Azure's wire server.
	"169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "192.0.0.192", "168.63.129.16",
	"fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254",
	// IPv6 outside 2000::/3.
	"::", "::1", "::7f00:1", "::a9fe:a9fe", "fc00::1", "fdff::1", "fe80::1", "febf::1", "fec0::1", "ff02::1", "ff0e::1",
	"100::1", "5f00::1", "4000::1", "1fff::1",
	// Forms that carry an IPv4 address: mapped, SIIT, NAT64 (well-known and local use), 6to4, Teredo, ISATAP.
	"::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1",
	"::ffff:0:7f00:1", "64:ff9b::7f00:1", "64:ff9b::169.254.169.254", "64:ff9b::8.8.8.8", "64:ff9b:1::7f00:1",
	"64:ff9b:1:ffff::10.0.0.1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:a00:1::", "2001:0:7f00:1::",
	"2001:0:4136:e378:8000:63bf:3fff:fdd2", "fe80::5efe:7f00:1",
	// Special inside 2000::/3.
	"2001:2::1", "2001:10::1", "2001:20::1", "2001:1ff::1", "2001:db8::1", "2001:db8:ffff::1", "2620:4f:8000::1",
	"3fff::1", "3fff:fff::1",
	// Zones.
	"fe80::1%lo", "::1%lo", "2606:4700:4700::1111%eth0", "fe80::1%1",
}

// outside are neighbours of those and well-known public addresses.
var outside = []string{
	"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
	"169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.255.255", "192.169.0.0",
	"198.17.255.255", "198.20.0.0", "223.255.255.255", "168.63.129.15", "168.63.129.17",
	"2606:4700:4700::1111", "2001:4860:4860::8888", "2001:200::1", "2003::1", "2a00:1450::1", "3ffe:ffff::1",
}

func dial(p target.Policy, addr string) error {
	network := "tcp6"
	if netip.MustParseAddr(addr).Is4() {
		network = "tcp4"
	}
	return p.DialControl()(network, net.JoinHostPort(addr, "443"), nil)
}

func TestDialControlRefusesWhatIsInside(t *testing.T) {
	for _, addr := range inside {
		t.Run(addr, func(t *testing.T) {
			err := dial(target.Policy{}, addr)
			var blocked *target.BlockedError
			require.ErrorAs(t, err, &blocked)
			require.Equal(t, "address not allowed", err.Error())
		})
	}
}

func TestDialControlLetsThePublicThrough(t *testing.T) {
	for _, addr := range outside {
		t.Run(addr, func(t *testing.T) { require.NoError(t, dial(target.Policy{}, addr)) })
	}
	control := target.Policy{}.DialControl()
	for _, port := range []string{"1", "25", "8443", "65535"} {
		require.NoError(t, control("tcp4", "8.8.8.8:"+port, nil))
	}
}

func TestDialControlRefusesWhatItCannotRead(t *testing.T) {
	control := target.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}.DialControl()
	for _, c := range [][2]string{
		{"tcp4", ""}, {"tcp4", "example.com:443"}, {"tcp4", "127.1:443"}, {"tcp4", "8.8.8.8"}, {"udp4", "8.8.8.8:53"},
		{"unix", "/var/run/docker.sock"}, {"tcp4", "0177.0.0.1:443"}, {"tcp4", "8.8.8.8:99999"},
	} {
		require.Error(t, control(c[0], c[1], nil), "%v", c)
	}
}

func TestAllowedNetworksPass(t *testing.T) {
	p := target.Policy{Allow: []netip.Prefix{
		netip.MustParsePrefix("127.0.0.1/8"), // not masked: an operator's slip
		netip.MustParsePrefix("fd00:1::/32"), netip.MustParsePrefix("168.63.129.16/32"),
	}}
	for _, addr := range []string{"127.0.0.1", "127.9.9.9", "fd00:1::1", "168.63.129.16", "8.8.8.8"} {
		require.NoError(t, dial(p, addr), addr)
	}
	for _, addr := range []string{"10.0.0.1", "::1", "fd00:2::1", "169.254.169.254", "::ffff:127.0.0.1", "fd00:1::1%lo"} {
		require.Error(t, dial(p, addr), addr)
	}
	everything := target.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("::/0")}}
	require.NoError(t, dial(everything, "::1"))
	require.Error(t, dial(everything, "::ffff:10.0.0.1"), "an IPv6 rule must not open IPv4 networks")
	require.Error(t, dial(everything, "10.0.0.1"))
}

// The address the dialler hands to DialControl, for spellings that reach the socket.
func TestDialControlOnARealDialler(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	for _, host := range []string{"127.0.0.1", "::ffff:7f00:1", "localhost", "::1", "::", "0.0.0.0", "fe80::1%lo"} {
		t.Run(host, func(t *testing.T) {
			dialer := net.Dialer{Control: target.Policy{}.DialControl(), Timeout: 5 * time.Second}
			conn, err := dialer.Dial("tcp", net.JoinHostPort(host, port))
			if conn != nil {
				_ = conn.Close()
			}
			var blocked *target.BlockedError
			require.True(t, errors.As(err, &blocked), "%v", err)
		})
	}
	allowed := net.Dialer{Control: target.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}.DialControl()}
	for _, host := range []string{"127.0.0.1", "::ffff:7f00:1"} { // both are dialled as tcp4
		conn, err := allowed.Dial("tcp", net.JoinHostPort(host, port))
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
}

func TestEveryIPv4AddressInIPv6ClothesIsRefused(t *testing.T) {
	control := target.Policy{}.DialControl()
	rapid.Check(t, func(t *rapid.T) {
		v4 := [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "v4"))
		for _, prefix := range []string{"::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::", "::"} {
			b := netip.MustParseAddr(prefix).As16()
			copy(b[12:], v4[:])
			require.Error(t, control("tcp6", netip.AddrPortFrom(netip.AddrFrom16(b), 443).String(), nil))
		}
		b := netip.MustParseAddr("2002::1").As16()
		copy(b[2:], v4[:])
		require.Error(t, control("tcp6", netip.AddrPortFrom(netip.AddrFrom16(b), 443).String(), nil))
	})
}
