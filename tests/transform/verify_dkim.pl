# Reads "length LF message" records from standard input and prints for each one line: the results of its
# signatures, in order, separated by blanks. The keys are in the file named first, "name TAB text" a line;
# no name server is asked.
use strict;
use warnings;
use Net::DNS::Packet;
use Net::DNS::RR;
use Mail::DKIM::Verifier;
use Mail::DKIM::DNS;

package Zone;

sub new { my ( $class, %texts ) = @_; return bless {%texts}, $class }

sub send {
    my ( $self, $name, $type ) = @_;
    my $packet = Net::DNS::Packet->new( $name, $type );
    $packet->header->qr(1);
    my $text = $self->{ lc $name };
    $packet->header->rcode( defined $text ? 'NOERROR' : 'NXDOMAIN' );
    if ( defined $text ) {
        my @strings = unpack( '(A255)*', $text );
        $packet->push(
            answer => Net::DNS::RR->new( name => $name, type => 'TXT', ttl => 60, txtdata => \@strings ) );
    }
    return $packet;
}

sub errorstring { return 'NOERROR' }

package main;

my %texts;
open( my $zone, '<', $ARGV[0] ) or die "$ARGV[0]: $!";
while ( my $line = <$zone> ) {
    chomp $line;
    my ( $name, $text ) = split /\t/, $line, 2;
    $texts{ lc $name } = $text;
}
Mail::DKIM::DNS::resolver( Zone->new(%texts) );

binmode STDIN;
while ( my $length = <STDIN> ) {
    chomp $length;
    read( STDIN, my $message, $length ) == $length or die 'a record that is cut short';
    my $verifier = Mail::DKIM::Verifier->new( Strict => 1 );
    $verifier->PRINT($message);
    $verifier->CLOSE;
    print join( ' ', map { $_->result } $verifier->signatures ), "\n";
}
