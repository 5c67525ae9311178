# Reads "length LF message" records from standard input and prints for each one line: whether it is a bounce, the
# Message-ID of what is returned, and of each recipient its address, the parser's reason, status and action.
use strict;
use warnings;
use Mail::DeliveryStatus::BounceParser;

sub line { return join( "\t", map { my $value = $_ // q(); $value =~ s{\s+\z}{}; $value } @_ ) . "\n" }

binmode STDIN;
while ( my $length = <STDIN> ) {
    chomp $length;
    read( STDIN, my $message, $length ) == $length or die 'a record that is cut short';
    my $bounce = Mail::DeliveryStatus::BounceParser->new($message);
    my @told = $bounce->is_bounce ? ( 'bounce', $bounce->orig_message_id ) : ('other');
    for my $report ( $bounce->reports ) {
        push @told, map { scalar $report->get($_) } qw(email std_reason status action);
    }
    print line(@told);
}
