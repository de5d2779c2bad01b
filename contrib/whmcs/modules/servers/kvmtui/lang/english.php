<?php

$_LANG['manage'] = 'Manage the VM';
$_LANG['start'] = 'Start';
$_LANG['shutdown'] = 'Shut down';
$_LANG['reboot'] = 'Reboot';
$_LANG['name'] = 'Name';
$_LANG['status'] = 'Status';
$_LANG['address'] = 'IP address';
$_LANG['traffic'] = 'Traffic this month';
$_LANG['in'] = 'in';
$_LANG['out'] = 'out';
$_LANG['unavailable'] = 'The VM cannot be reached now. Try again later.';
$_LANG['forbidden'] = 'Your plan does not include this.';
$_LANG['state_running'] = 'Running';
$_LANG['state_stopped'] = 'Stopped';
$_LANG['state_suspended'] = 'Suspended';
$_LANG['state_installing'] = 'Being installed';
$_LANG['state_changing'] = 'Being changed';
$_LANG['state_removed'] = 'Removed';
$_LANG['state_unknown'] = 'Unknown';
